"""What the catalog is asked about galleries, quotas, retention policies, flavours, property schemas, and the audit log.

A gallery is named by its name (in the actor's tenant) or by its id.
"""

from typing import Annotated, Any, Literal

import msgspec

from contracts.definition import Flavour, Namespace
from contracts.keeping import Quota, Retention, SoftDelete
from contracts.names import Name, Text
from contracts.requests.base import Command, Request


class CreateGallery(Command, frozen=True, kw_only=True, tag="command.catalog.create_gallery"):
    """Make a gallery. One that nobody made is made by its first image, with the settings' quota."""

    name: Name
    description: Text = ""
    quota: Quota = Quota()
    soft_delete: SoftDelete = SoftDelete()


class EditGallery(Command, frozen=True, kw_only=True, tag="command.catalog.edit_gallery"):
    """Change fields of a gallery by a JSON merge patch (RFC 7396) over ``description``, ``quota`` and ``soft_delete``.

    With ``revision`` only if that is the gallery's own (``revision_mismatch``).
    """

    gallery: str
    changes: dict[str, Any]
    revision: int | None = None


class DropGallery(Command, frozen=True, kw_only=True, tag="command.catalog.drop_gallery"):
    """Delete an empty gallery."""

    gallery: str
    revision: int | None = None


class ListGalleries(Request, frozen=True, kw_only=True, tag="query.catalog.galleries"):
    """Galleries of the actor's tenant, by name unless ``sort`` names a field. ``where`` as in `ListImages`.

    ``reach`` has all that the actor can read over all tenants: ``shared`` those shared with it or on which it has a
    role, ``community`` and ``public`` those, ``all`` all of these (features.md E7).
    """

    reach: Literal["own", "shared", "community", "public", "all"] = "own"

    where: dict[str, str] = {}
    sort: str = "name"
    limit: int = 100
    cursor: str | None = None


class GetGallery(Request, frozen=True, kw_only=True, tag="query.catalog.gallery"):
    """A gallery with what it holds."""

    gallery: str


class SetQuota(Command, frozen=True, kw_only=True, tag="command.catalog.set_quota"):
    """Operator: what a tenant may hold over all its galleries; a bound of None is the settings'. With ``revision`` only
    if that is the quota's own, 0 where none was set (``revision_mismatch``)."""

    tenant: Name
    quota: Quota
    revision: int | None = None


class GetQuota(Request, frozen=True, kw_only=True, tag="query.catalog.quota"):
    """What the actor's tenant may hold and holds; an operator may name another."""

    tenant: Name | None = None


class SetRetention(Command, frozen=True, kw_only=True, tag="command.catalog.set_retention"):
    """Make a retention policy, or replace the one of that name. With ``revision`` only if that is the policy's own, 0
    where there is none (``revision_mismatch``)."""

    retention: Retention
    revision: int | None = None


class DropRetention(Command, frozen=True, kw_only=True, tag="command.catalog.drop_retention"):
    """Forget a retention policy."""

    name: Name
    revision: int | None = None


class ListRetentions(Request, frozen=True, kw_only=True, tag="query.catalog.retentions"):
    """All retention policies of the tenant, by name."""


class PreviewRetention(Request, frozen=True, kw_only=True, tag="query.catalog.retention_preview"):
    """The dry run: what a policy would take now. Either one that is kept (``name``) or one that is not (yet)."""

    name: Name | None = None
    retention: Retention | None = None
    limit: int = 100
    cursor: str | None = None


class RunRetention(Command, frozen=True, kw_only=True, tag="command.catalog.run_retention"):
    """Apply a policy now, and not when its day comes."""

    name: Name


class SetFlavour(Command, frozen=True, kw_only=True, tag="command.catalog.set_flavour"):
    """Make a self-defined flavour, or replace it. System defaults stay as they are. With ``revision`` only if that is
    the flavour's own, 0 where there is none (``revision_mismatch``)."""

    flavour: Flavour
    revision: int | None = None


class DropFlavour(Command, frozen=True, kw_only=True, tag="command.catalog.drop_flavour"):
    """Forget a self-defined flavour that no image names."""

    name: Name
    revision: int | None = None


class ListFlavours(Request, frozen=True, kw_only=True, tag="query.catalog.flavours"):
    """System defaults and the tenant's own flavours, by name."""


class SetNamespace(Command, frozen=True, kw_only=True, tag="command.catalog.set_namespace"):
    """Make or replace property schemas and predefined tags; what images have already stays. With ``revision`` only if
    that is the namespace's own, 0 where there is none (``revision_mismatch``)."""

    namespace: Namespace
    revision: int | None = None


class DropNamespace(Command, frozen=True, kw_only=True, tag="command.catalog.drop_namespace"):
    """Forget a namespace; the properties of images stay, free."""

    name: Name
    revision: int | None = None


class ListNamespaces(Request, frozen=True, kw_only=True, tag="query.catalog.namespaces"):
    """All namespaces of the tenant, by name."""


class ListAudit(Request, frozen=True, kw_only=True, tag="query.catalog.audit"):
    """The audit log in its order, for an operator or an auditor; others see the entries of their tenant, and so no
    whole chain. ``about`` is the id of an image, a version, …; ``where`` as in `ListImages`, ``sort`` is ``sequence``
    or ``-sequence``."""

    about: str | None = None
    actor_name: str | None = None
    where: dict[str, str] = {}
    sort: str = "sequence"
    limit: int = 100
    cursor: str | None = None


class SetCertificate(Command, frozen=True, kw_only=True, tag="command.catalog.set_certificate"):
    """Give the tenant a certificate by which signatures of imported images are checked, or replace it (B14)."""

    name: Name
    pem: Annotated[str, msgspec.Meta(max_length=16_384)]


class DropCertificate(Command, frozen=True, kw_only=True, tag="command.catalog.drop_certificate"):
    """Take a certificate away; versions that were checked by it stay as they are."""

    name: str


class ListCertificates(Request, frozen=True, kw_only=True, tag="query.catalog.certificates"):
    """The tenant's certificates, by name."""

    limit: int = 100
    cursor: str | None = None
