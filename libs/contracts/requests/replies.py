"""Replies that are not the view of one thing: done, and pages."""

from datetime import datetime

import msgspec

from contracts.views import (
    AccountView,
    AncestorView,
    AssignmentView,
    AuditView,
    CertificateView,
    CopyView,
    DeadLetterView,
    DeliveryView,
    FlavourView,
    GalleryView,
    GrantView,
    HookView,
    ImageView,
    ItemView,
    JobView,
    MarkerView,
    MemberView,
    NamespaceView,
    PairView,
    PersonView,
    PlanRow,
    PodView,
    PolicyView,
    RetentionView,
    SeatView,
    ShareView,
    TenantView,
    TimelineView,
    TokenView,
    UnitView,
    UserView,
    VersionView,
    VictimView,
    VmView,
)


class Done(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="done"):
    """The command took effect and has nothing more to say."""


class _Page(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    next: str | None = None
    """The cursor of the next page, None on the last one."""


class ImagePage(_Page, frozen=True, kw_only=True, tag="image_page"):
    items: tuple[ImageView, ...]


class VersionPage(_Page, frozen=True, kw_only=True, tag="version_page"):
    items: tuple[VersionView, ...]


class JobPage(_Page, frozen=True, kw_only=True, tag="job_page"):
    items: tuple[JobView, ...]


class TimelinePage(_Page, frozen=True, kw_only=True, tag="timeline_page"):
    items: tuple[TimelineView, ...]


class PodPage(_Page, frozen=True, kw_only=True, tag="pod_page"):
    items: tuple[PodView, ...]


class VmPage(_Page, frozen=True, kw_only=True, tag="vm_page"):
    """``at`` is the time of the inventory it comes from, None when the pod has not told yet."""

    items: tuple[VmView, ...]
    at: datetime | None = None


class ItemPage(_Page, frozen=True, kw_only=True, tag="item_page"):
    items: tuple[ItemView, ...]
    at: datetime | None = None


class CopyPage(_Page, frozen=True, kw_only=True, tag="copy_page"):
    items: tuple[CopyView, ...]


class MemberPage(_Page, frozen=True, kw_only=True, tag="member_page"):
    items: tuple[MemberView, ...]


class DeadLetterPage(_Page, frozen=True, kw_only=True, tag="dead_letter_page"):
    items: tuple[DeadLetterView, ...]


class PlanPage(_Page, frozen=True, kw_only=True, tag="plan_page"):
    """What a publish would do, by pod. ``estimate`` in seconds until its last copy, None while nothing was measured."""

    items: tuple[PlanRow, ...]
    estimate: float | None = None
    warning: str = ""


class PolicyPage(_Page, frozen=True, kw_only=True, tag="policy_page"):
    items: tuple[PolicyView, ...]


class HookPage(_Page, frozen=True, kw_only=True, tag="hook_page"):
    items: tuple[HookView, ...]


class DeliveryPage(_Page, frozen=True, kw_only=True, tag="delivery_page"):
    items: tuple[DeliveryView, ...]


class GalleryPage(_Page, frozen=True, kw_only=True, tag="gallery_page"):
    items: tuple[GalleryView, ...]


class RetentionPage(_Page, frozen=True, kw_only=True, tag="retention_page"):
    items: tuple[RetentionView, ...]


class VictimPage(_Page, frozen=True, kw_only=True, tag="victim_page"):
    """``looked_at`` counts the versions that were compared with the policy for this page."""

    items: tuple[VictimView, ...]
    looked_at: int = 0


class FlavourPage(_Page, frozen=True, kw_only=True, tag="flavour_page"):
    items: tuple[FlavourView, ...]


class NamespacePage(_Page, frozen=True, kw_only=True, tag="namespace_page"):
    items: tuple[NamespaceView, ...]


class AuditPage(_Page, frozen=True, kw_only=True, tag="audit_page"):
    """``sequence`` and ``head`` are those of the newest entry of all: a log that ends before it was cut. Whoever sees
    his tenant's entries only is not told them."""

    items: tuple[AuditView, ...]
    sequence: int = 0
    head: str = ""


class AncestorPage(_Page, frozen=True, kw_only=True, tag="ancestor_page"):
    items: tuple[AncestorView, ...]


class UserPage(_Page, frozen=True, kw_only=True, tag="user_page"):
    items: tuple[UserView, ...]


class MarkerPage(_Page, frozen=True, kw_only=True, tag="marker_page"):
    items: tuple[MarkerView, ...]


class AssignmentPage(_Page, frozen=True, kw_only=True, tag="assignment_page"):
    items: tuple[AssignmentView, ...]


class SeatPage(_Page, frozen=True, kw_only=True, tag="seat_page"):
    items: tuple[SeatView, ...]


class CertificatePage(_Page, frozen=True, kw_only=True, tag="certificate_page"):
    items: tuple[CertificateView, ...]


class PairPage(_Page, frozen=True, kw_only=True, tag="pair_page"):
    """What became of each pair of a batch."""

    items: tuple[PairView, ...]


class SharePage(_Page, frozen=True, kw_only=True, tag="share_page"):
    items: tuple[ShareView, ...]


class GrantPage(_Page, frozen=True, kw_only=True, tag="grant_page"):
    items: tuple[GrantView, ...]


class UnitPage(_Page, frozen=True, kw_only=True, tag="unit_page"):
    items: tuple[UnitView, ...]


class AccountPage(_Page, frozen=True, kw_only=True, tag="account_page"):
    items: tuple[AccountView, ...]


class TenantPage(_Page, frozen=True, kw_only=True, tag="tenant_page"):
    items: tuple[TenantView, ...]


class PersonPage(_Page, frozen=True, kw_only=True, tag="person_page"):
    items: tuple[PersonView, ...]


class TokenPage(_Page, frozen=True, kw_only=True, tag="token_page"):
    items: tuple[TokenView, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="seen"):
    """Of what was asked about, what the actor may know of."""

    images: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
