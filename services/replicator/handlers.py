"""What the replicator listens to, and which reaction answers it."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.events.from_pods import (
    CopyFinalised,
    CopyRejected,
    CopyTransferred,
    InventoryReported,
    PodAnnounced,
    PodReported,
)
from contracts.events.hub import VersionPublishRequested
from replicator import copies, pods
from replicator.config import Config
from replicator.messages import LOCAL, PodSilent, PublishOverdue, RetryDue
from runtime.work import Keys, Message, Reaction, Work

__all__ = ["LOCAL", "Config", "reactions"]

_TABLE: dict[type, tuple[Keys, Callable[[Message[Any], Work, Config], None]]] = {
    VersionPublishRequested: (copies.publish_keys, copies.publish),
    CopyTransferred: (copies.report_keys, copies.report),
    CopyFinalised: (copies.report_keys, copies.report),
    CopyRejected: (copies.report_keys, copies.report),
    PodAnnounced: (pods.announced_keys, pods.announced),
    PodReported: (pods.reported_keys, pods.reported),
    InventoryReported: (pods.inventory_keys, pods.inventory),
    RetryDue: (copies.retry_keys, copies.retry),
    PublishOverdue: (copies.overdue_keys, copies.overdue),
    PodSilent: (pods.silent_keys, pods.silent),
}


def reactions(config: Config) -> Mapping[type, Reaction]:
    """Message type -> reaction. ``config`` brings the signer of tickets and the retry policy."""
    return {kind: Reaction(keys, _bind(handle, config)) for kind, (keys, handle) in _TABLE.items()}


def _bind(handle: Callable[[Message[Any], Work, Config], None], config: Config) -> Callable[[Message[Any], Work], None]:
    def bound(message: Message[Any], work: Work) -> None:
        handle(message, work, config)

    return bound
