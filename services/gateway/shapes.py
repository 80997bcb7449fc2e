"""What the door answers: the services' views without their internal tag, under the names that people use.

The shapes are made from the views, so that they cannot drift apart. Every field is always there.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from contracts import requests as replies
from contracts import views
from gateway.problems import ProblemDetails


def untagged(view: type[msgspec.Struct], name: str, known: Mapping[type, type]) -> type[msgspec.Struct]:
    """A Struct with the fields of ``view`` and no tag; ``known`` tells the shapes of views inside it."""
    fields = [(field.name, _translate(field.type, known)) for field in msgspec.structs.fields(view)]
    namespace = {"__doc__": view.__doc__}
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, module=__name__, namespace=namespace)


def _translate(kind: Any, known: Mapping[type, type]) -> Any:
    if get_origin(kind) is tuple:
        return tuple[tuple(known.get(part, part) for part in get_args(kind))]  # type: ignore[misc]
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, (known.get(part, part) for part in get_args(kind)))
    return known.get(kind, kind)


_NAMES: dict[type[msgspec.Struct], str] = {
    views.ImageView: "Image",
    views.VersionView: "Version",
    views.CopyView: "Copy",
    views.PodView: "Pod",
    views.VmView: "PodVm",
    views.ItemView: "PodLibraryItem",
    views.JobView: "Job",
    views.TimelineView: "JobEvent",
    views.PlacementView: "Placement",
    views.PolicyView: "PlacementPolicy",
    views.EnrolmentView: "PodEnrolment",
    views.HookView: "Webhook",
    views.DeliveryView: "WebhookDelivery",
    views.GalleryView: "Gallery",
    views.QuotaView: "TenantQuota",
    views.RetentionView: "RetentionPolicy",
    views.VictimView: "RetentionVictim",
    views.FlavourView: "EndpointFlavour",
    views.NamespaceView: "PropertyNamespace",
    views.CertificateView: "ImageCertificate",
    views.RolloutView: "Rollout",
    views.MarkerView: "Marker",
    views.PoolView: "Pool",
    views.AssignmentView: "Assignment",
    views.SeatView: "PoolSeat",
    views.AncestorView: "VersionAncestor",
    views.UserView: "VersionUser",
    views.AuditView: "AuditEntry",
    views.MemberView: "ImageMember",
    views.PairView: "OfferResult",
    views.ShareView: "Share",
    views.GallerySharingView: "GallerySharing",
    views.GrantView: "RoleGrant",
    views.SharingStatusView: "SharingStatus",
    views.UnitView: "Unit",
    views.AccountView: "DirectoryAccount",
    views.TenantView: "Tenant",
    views.PersonView: "TenantUser",
    views.TokenView: "ApiToken",
    views.IdentityView: "Identity",
    replies.Accepted: "Accepted",
    replies.HealthView: "ServiceHealth",
    replies.ImagePage: "ImageList",
    replies.VersionPage: "VersionList",
    replies.CopyPage: "CopyList",
    replies.PodPage: "PodList",
    replies.VmPage: "PodVmList",
    replies.ItemPage: "PodLibrary",
    replies.JobPage: "JobList",
    replies.TimelinePage: "JobEventList",
    replies.PlanPage: "PublishPlan",
    replies.PolicyPage: "PlacementPolicyList",
    replies.HookPage: "WebhookList",
    replies.DeliveryPage: "WebhookDeliveryList",
    replies.GalleryPage: "GalleryList",
    replies.RetentionPage: "RetentionPolicyList",
    replies.VictimPage: "RetentionPreview",
    replies.FlavourPage: "EndpointFlavourList",
    replies.NamespacePage: "PropertyNamespaceList",
    replies.CertificatePage: "ImageCertificateList",
    replies.AuditPage: "AuditLog",
    replies.AncestorPage: "VersionLineage",
    replies.UserPage: "VersionUserList",
    replies.MarkerPage: "MarkerList",
    replies.AssignmentPage: "AssignmentList",
    replies.SeatPage: "PoolSeatList",
    replies.MemberPage: "ImageMemberList",
    replies.PairPage: "OfferResultList",
    replies.SharePage: "ShareList",
    replies.GrantPage: "RoleGrantList",
    replies.UnitPage: "UnitList",
    replies.AccountPage: "DirectoryAccountList",
    replies.TenantPage: "TenantList",
    replies.PersonPage: "TenantUserList",
    replies.TokenPage: "ApiTokenList",
}
SHAPES: dict[type[msgspec.Struct], type[msgspec.Struct]] = {}
"""View or page -> its shape over HTTP."""
for _view, _name in _NAMES.items():
    SHAPES[_view] = untagged(_view, _name, SHAPES)


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    live: bool = True


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the hub works, service by service; ``events`` tells whether live events come in."""

    ready: bool
    events: bool
    services: tuple[SHAPES[replies.HealthView], ...]  # type: ignore[valid-type]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way to a pod. ``upload`` names it; ``sha256`` is there when all of it is. Then it can be imported,
    as a source of the kind ``upload`` with its ``name``."""

    upload: str
    pod: str
    name: str
    size: int
    offset: int
    sha256: str | None


class PublicationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one publish of a batch: it was ``accepted``, or there is a ``problem``; ``status`` as if alone."""

    image: str
    version: str
    status: int
    accepted: SHAPES[replies.Accepted] | None  # type: ignore[valid-type]
    problem: ProblemDetails | None


class PublicationResults(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch, in its order."""

    items: tuple[PublicationResult, ...]


def shape(view: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The shape of a view or of a page of views."""
    return SHAPES[view]


def render(view: msgspec.Struct) -> bytes:
    """The JSON of a view or page in its shape."""
    return msgspec.json.encode(msgspec.convert(view, shape(type(view)), from_attributes=True))


def convert(view: msgspec.Struct) -> msgspec.Struct:
    """A view in its shape."""
    return msgspec.convert(view, shape(type(view)), from_attributes=True)
