"""What the replicator listens to, and which reaction answers it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from contracts.events.from_pods import (
    AssignmentReported,
    CopyContinued,
    CopyCorrupted,
    CopyDropped,
    CopyFinalised,
    CopyRejected,
    CopyTransferred,
    InventoryReported,
    PodAnnounced,
    PodReported,
)
from contracts.events.hub import (
    ImageChanged,
    ImageDeleted,
    ImageRegistered,
    TenantSet,
    VersionCancelRequested,
    VersionDeactivated,
    VersionDeleted,
    VersionDeliveryRequested,
    VersionPublishRequested,
    VersionReactivated,
    VersionUnpublishRequested,
)
from contracts.requests import (
    AdmitExport,
    AdmitUpload,
    DropPolicy,
    EditPlacement,
    EnrollPod,
    PausePlacement,
    RemoveCopy,
    RepairCopy,
    RequestInventory,
    SetPodLabels,
    SetPodLimits,
    SetPodState,
    SetPodTenants,
    SetPolicy,
    SuspendPolicy,
)
from replicator import (
    advance,
    copies,
    deliveries,
    delivering,
    denying,
    editing,
    fixing,
    grants,
    healing,
    held,
    images,
    inventory,
    labels,
    limits,
    memberships,
    placing,
    pods,
    policies,
    publishing,
    receiving,
    rollback,
    seating,
    standing,
    steering,
)
from replicator.config import Config
from replicator.messages import (
    LOCAL,
    Advance,
    Belong,
    DeliverLater,
    Dispatch,
    PlaceByPolicy,
    PodJoined,
    PublishOverdue,
    RepairStalled,
    RetryDue,
    Review,
    RollBack,
    Sweep,
)
from replicator.upkeep import Adoption, Compare, Leaving, PodSilent, SoughtStale, Tally
from runtime import access
from runtime.work import Handle, Keys, Message, Reaction, Work

__all__ = ["LOCAL", "Config", "reactions"]

_Handle = Callable[[Message[Any], Work, Config], msgspec.Struct | None]

_TABLE: dict[type, tuple[Keys, _Handle]] = {
    VersionPublishRequested: (publishing.publish_keys, publishing.publish),
    VersionCancelRequested: (publishing.cancel_keys, publishing.cancel),
    VersionUnpublishRequested: (publishing.cancel_keys, publishing.unpublish),
    VersionDeliveryRequested: (delivering.deliver_keys, delivering.deliver),
    **dict.fromkeys(access.EVENTS, (deliveries.shared_keys, deliveries.shared)),
    TenantSet: (memberships.set_keys, memberships.set_tenant),
    VersionDeactivated: (denying.access_keys, denying.access),
    VersionReactivated: (denying.access_keys, denying.access),
    VersionDeleted: (images.deleted_keys, images.deleted),
    ImageRegistered: (images.registered_keys, images.registered),
    ImageDeleted: (images.gone_keys, images.gone),
    ImageChanged: (fixing.changed_keys, fixing.changed),
    CopyTransferred: (copies.report_keys, copies.report),
    CopyFinalised: (copies.report_keys, copies.report),
    CopyRejected: (copies.report_keys, copies.report),
    CopyContinued: (copies.serving_keys, copies.continued),
    CopyCorrupted: (copies.serving_keys, copies.corrupted),
    CopyDropped: (copies.report_keys, copies.dropped),
    AssignmentReported: (seating.reported_keys, seating.reported),
    PodAnnounced: (pods.announced_keys, pods.announced),
    PodReported: (pods.reported_keys, pods.reported),
    InventoryReported: (inventory.page_keys, inventory.page),
    SetPodLimits: (limits.limits_keys, limits.set_limits),
    EnrollPod: (labels.enroll_keys, labels.enroll),
    SetPodLabels: (labels.labels_keys, labels.set_labels),
    SetPodTenants: (labels.labels_keys, labels.set_tenants),
    SetPodState: (standing.state_keys, standing.set_state),
    RequestInventory: (inventory.request_keys, inventory.request),
    SetPolicy: (policies.change_keys, policies.change),
    SuspendPolicy: (policies.change_keys, policies.change),
    DropPolicy: (policies.change_keys, policies.drop),
    PodJoined: (policies.gather_keys, policies.gather),
    Sweep: (policies.sweep_keys, policies.sweep),
    PlaceByPolicy: (placing.place_keys, placing.place),
    EditPlacement: (editing.edit_keys, editing.edit),
    PausePlacement: (steering.pause_keys, steering.pause),
    RemoveCopy: (steering.copy_keys, steering.remove_copy),
    RepairCopy: (steering.copy_keys, steering.repair_copy),
    AdmitUpload: (grants.upload_keys, grants.upload),
    AdmitExport: (grants.export_keys, grants.export),
    RetryDue: (copies.serving_keys, copies.retry),
    RepairStalled: (copies.serving_keys, copies.stalled),
    RollBack: (rollback.roll_back_keys, rollback.roll_back),
    PublishOverdue: (publishing.overdue_keys, publishing.overdue),
    PodSilent: (pods.silent_keys, pods.silent),
    Compare: (healing.compare_keys, healing.differ),
    Tally: (held.tally_keys, held.tally),
    Adoption: (healing.adoption_keys, healing.adoption),
    SoughtStale: (healing.stale_keys, healing.stale),
    Leaving: (standing.leaving_keys, standing.leave),
    Review: (deliveries.review_keys, deliveries.review),
    Belong: (memberships.belong_keys, memberships.belong),
    DeliverLater: (delivering.later_keys, delivering.later),
    Dispatch: (receiving.dispatch_keys, receiving.dispatched),
    Advance: (advance.advance_keys, advance.advanced),
}
_PASSING = (AdmitUpload, AdmitExport, RequestInventory)
"""What a pod's state refuses now is admitted once the pod is back, also to whoever asks with the same key."""


def reactions(config: Config) -> Mapping[type, Reaction]:
    """Message type -> reaction. ``config`` brings the signer of tickets and the retry policy."""
    return {
        kind: Reaction(keys, _bind(handle, config), refuses_anew=kind in _PASSING)
        for kind, (keys, handle) in _TABLE.items()
    }


def _bind(handle: _Handle, config: Config) -> Handle:
    def bound(message: Message[Any], work: Work) -> msgspec.Struct | None:
        return handle(message, work, config)

    return bound
