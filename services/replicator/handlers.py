"""What the replicator listens to, and which reaction answers it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from contracts.events.from_pods import (
    CopyContinued,
    CopyCorrupted,
    CopyFinalised,
    CopyRejected,
    CopyTransferred,
    InventoryReported,
    PodAnnounced,
    PodReported,
)
from contracts.events.hub import VersionPublishRequested
from contracts.requests import AdmitExport, AdmitUpload, SetPodLimits
from replicator import copies, grants, limits, pods
from replicator.config import Config
from replicator.messages import LOCAL, PodSilent, PublishOverdue, RepairStalled, RetryDue
from runtime.work import Handle, Keys, Message, Reaction, Work

__all__ = ["LOCAL", "Config", "reactions"]

_Handle = Callable[[Message[Any], Work, Config], msgspec.Struct | None]

_TABLE: dict[type, tuple[Keys, _Handle]] = {
    VersionPublishRequested: (copies.publish_keys, copies.publish),
    CopyTransferred: (copies.report_keys, copies.report),
    CopyFinalised: (copies.report_keys, copies.report),
    CopyRejected: (copies.report_keys, copies.report),
    CopyContinued: (copies.serving_keys, copies.continued),
    CopyCorrupted: (copies.serving_keys, copies.corrupted),
    PodAnnounced: (pods.announced_keys, pods.announced),
    PodReported: (pods.reported_keys, pods.reported),
    InventoryReported: (pods.inventory_keys, pods.inventory),
    SetPodLimits: (limits.limits_keys, limits.set_limits),
    AdmitUpload: (grants.upload_keys, grants.upload),
    AdmitExport: (grants.export_keys, grants.export),
    RetryDue: (copies.serving_keys, copies.retry),
    RepairStalled: (copies.serving_keys, copies.stalled),
    PublishOverdue: (copies.overdue_keys, copies.overdue),
    PodSilent: (pods.silent_keys, pods.silent),
}
_PASSING = (AdmitUpload, AdmitExport)
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
