"""All events, by the stream they travel in, and the one table of who says what."""

from enum import StrEnum

from contracts.events import from_pods, hub, intake, to_pods
from contracts.events.base import Event


class Speaker(StrEnum):
    """Who says an event: a hub service, the connector of the pod in the subject, or another system."""

    CATALOG = "catalog"
    REPLICATOR = "replicator"
    SHARING = "sharing"
    CONNECTOR = "connector"
    INTAKE = "intake"


SPEAKERS: dict[Speaker, tuple[type[Event], ...]] = {
    Speaker.CATALOG: (
        hub.ImageRegistered,
        hub.ImageAvailable,
        hub.ImageFailed,
        hub.VersionRequested,
        hub.VersionStarted,
        hub.VersionDeployed,
        hub.VersionPublishRequested,
        hub.VersionReplicating,
        hub.VersionAvailable,
        hub.VersionPartiallyAvailable,
        hub.VersionFailed,
        to_pods.SourceRequested,
        to_pods.SourceReleased,
        to_pods.SourceDiscarded,
    ),
    Speaker.REPLICATOR: (
        hub.PodEnrolled,
        hub.PodConnected,
        hub.PodDisconnected,
        hub.PlacementRefused,
        hub.CopyPlanned,
        hub.CopyStarted,
        hub.CopyDelayed,
        hub.CopyAvailable,
        hub.CopyFailed,
        hub.CopyLost,
        to_pods.CopyRequested,
        to_pods.CopyExtended,
        to_pods.CopyWithdrawn,
        to_pods.LimitsChanged,
        to_pods.InventoryRequested,
    ),
    Speaker.SHARING: (hub.ShareOffered, hub.ShareAccepted, hub.ShareRejected, hub.ShareRevoked),
    Speaker.CONNECTOR: (
        from_pods.PodAnnounced,
        from_pods.PodReported,
        from_pods.InventoryReported,
        from_pods.SourceStarted,
        from_pods.SourcePrepared,
        from_pods.SourceRejected,
        from_pods.SourceDeleted,
        from_pods.CopyTransferred,
        from_pods.CopyFinalised,
        from_pods.CopyRejected,
        from_pods.CopyContinued,
        from_pods.CopyCorrupted,
    ),
    Speaker.INTAKE: (intake.ImageBuilt, intake.ImageBuiltV1),
}
"""Every event type under its only speaker."""

SPEAKER_OF: dict[type[Event], Speaker] = {kind: who for who, kinds in SPEAKERS.items() for kind in kinds}
EVENT_TYPES: tuple[type[Event], ...] = tuple(SPEAKER_OF)

__all__ = ["EVENT_TYPES", "SPEAKERS", "SPEAKER_OF", "Event", "Speaker", "from_pods", "hub", "intake", "to_pods"]
