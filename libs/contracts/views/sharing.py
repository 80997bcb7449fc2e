"""What people see: offers, members, how galleries are shared, grants; and who is who."""

from datetime import datetime

import msgspec

from contracts.principals import Granted, Role
from contracts.views.base import View


class MemberView(View, frozen=True, kw_only=True, tag="member"):
    """Whom an image is offered to, and how it was answered: PENDING, ACCEPTED, REJECTED, SUSPENDED, REVOKED. Of an
    offer to an account or an organisation ``accepted`` and ``rejected`` count the tenants that answered."""

    image: str
    member: str
    state: str
    updated: datetime
    until: datetime | None = None
    message: str = ""
    accepted: int = 0
    rejected: int = 0
    revision: int = 1


class PairView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one pair of a batch; ``code`` is empty where it took effect."""

    image: str
    member: str
    state: str = ""
    code: str = ""
    detail: str = ""
    hint: str = ""


class ShareView(View, frozen=True, kw_only=True, tag="share"):
    """An offer as the member sees it. ``via`` is the principal it was made to: the tenant itself, its account or a unit
    of its organisation. The platform vouches for nothing in it but where it came from. ``job`` delivers it, in the
    answer to an acceptance that asked for that."""

    image: str
    gallery: str
    name: str
    owner: str
    state: str
    via: str
    offered: datetime
    updated: datetime
    until: datetime | None = None
    message: str = ""
    job: str = ""
    revision: int = 1


class CommunityInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes a community gallery (features.md E8)."""

    publisher_uri: str = ""
    contact: str = ""
    eula: str = ""
    prefix: str = ""


class GallerySharingView(View, frozen=True, kw_only=True, tag="gallery_sharing"):
    """How a gallery is shared."""

    gallery: str
    name: str
    tenant: str
    sharing: str = "private"
    members: tuple[str, ...] = ()
    community: CommunityInfo | None = None
    public_name: str = ""
    revision: int = 0


class GrantView(View, frozen=True, kw_only=True, tag="grant"):
    """The roles of a principal on a gallery, an image or a version."""

    scope: str
    target: str
    name: str
    principal: str
    roles: tuple[Granted, ...]
    updated: datetime
    revision: int = 1


class SharedOn(msgspec.Struct, frozen=True, kw_only=True):
    """How far what is shared is there on one pod: Succeeded, InProgress, Failed, Unknown (features.md E9)."""

    pod: str
    state: str
    versions: int = 0
    """Versions that are AVAILABLE there."""
    missing: int = 0


class SharingStatusView(View, frozen=True, kw_only=True, tag="sharing_status"):
    """Where what is shared can be used; ``state`` sums the pods up."""

    state: str
    pods: tuple[SharedOn, ...] = ()


class UnitView(View, frozen=True, kw_only=True, tag="unit"):
    """An organisation, or a unit of it."""

    path: str
    description: str = ""
    units: int = 0
    accounts: int = 0
    revision: int = 1


class AccountView(View, frozen=True, kw_only=True, tag="account"):
    """An account (domain) and the unit it belongs to."""

    name: str
    unit: str = ""
    description: str = ""
    tenants: int = 0
    revision: int = 1


class TenantView(View, frozen=True, kw_only=True, tag="tenant"):
    """A tenant (project) and the account it belongs to; ``unit`` is the account's."""

    name: str
    account: str = ""
    unit: str = ""
    description: str = ""
    disabled: bool = False
    created: datetime | None = None
    revision: int = 1


class PersonView(View, frozen=True, kw_only=True, tag="person"):
    """A user or a service account of a tenant."""

    tenant: str
    name: str
    kind: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    disabled: bool = False
    updated: datetime
    revision: int = 1


class TokenView(View, frozen=True, kw_only=True, tag="token"):
    """A local API token. ``secret`` is told once, in the answer to its creation."""

    id: str
    tenant: str
    user: str
    kind: str
    roles: tuple[Role, ...]
    created: datetime
    until: datetime
    revoked: datetime | None = None
    description: str = ""
    secret: str = ""
    revision: int = 1


class IdentityView(View, frozen=True, kw_only=True, tag="identity"):
    """Who somebody is: what an `Actor` is made of. ``until`` is when that ends by itself; ``bounded``: nothing that was
    granted to him by name gives more than his roles."""

    tenant: str
    name: str
    kind: str = "user"
    roles: tuple[Role, ...] = ()
    principals: tuple[str, ...] = ()
    account: str = ""
    unit: str = ""
    until: datetime | None = None
    bounded: bool = False
