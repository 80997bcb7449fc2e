"""All events, by the stream they travel in, and the one table of who says what."""

from enum import StrEnum

from contracts.events import copies, from_pods, holdings, hub, intake, shares, to_pods, versions
from contracts.events.base import Event


class Speaker(StrEnum):
    """Who says an event: a hub service, the connector of the pod in the subject, or another system."""

    CATALOG = "catalog"
    REPLICATOR = "replicator"
    SHARING = "sharing"
    NOTIFIER = "notifier"
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
        hub.VersionDeliveryRequested,
        hub.VersionReplicating,
        hub.VersionAvailable,
        hub.VersionPartiallyAvailable,
        hub.VersionFailed,
        hub.VersionUnpublishRequested,
        hub.VersionCancelRequested,
        hub.VersionWithdrawn,
        hub.GalleryCreated,
        hub.GalleryChanged,
        hub.GalleryDeleted,
        hub.ImageChanged,
        hub.ImageDisabled,
        hub.ImageEnabled,
        hub.ImageDeleted,
        hub.VersionChanged,
        hub.VersionDisabled,
        hub.VersionEnabled,
        hub.VersionDeactivated,
        hub.VersionReactivated,
        hub.VersionStepped,
        hub.VersionSoftDeleted,
        hub.VersionRestored,
        hub.VersionDeleted,
        hub.MarkerMoved,
        hub.MarkerDeleted,
        hub.AssignmentCreated,
        hub.AssignmentUpdated,
        hub.AssignmentSettled,
        hub.AssignmentDeleted,
        hub.RolloutAdvanced,
        to_pods.SourceRequested,
        to_pods.SourceReleased,
        to_pods.SourceDiscarded,
        to_pods.AssignmentRequested,
        to_pods.AssignmentWithdrawn,
    ),
    Speaker.REPLICATOR: (
        hub.PodEnrolled,
        hub.PodConnected,
        hub.PodDisconnected,
        hub.PodDrained,
        hub.PodReadmitted,
        hub.PodRelabelled,
        hub.PodRemoved,
        hub.PolicySet,
        hub.PolicyDropped,
        hub.VersionSought,
        hub.PlacementPlanned,
        hub.PlacementRolledBack,
        hub.PlacementRefused,
        hub.DeliveryPlanned,
        hub.DeliveryEnded,
        hub.CopyPlanned,
        hub.CopyStarted,
        hub.CopyDelayed,
        hub.CopyAvailable,
        hub.CopyFailed,
        hub.CopyLost,
        hub.CopyCancelled,
        hub.CopyRetired,
        hub.CopyRemoved,
        to_pods.CopyRequested,
        to_pods.CopyExtended,
        to_pods.CopyPaused,
        to_pods.CopyWithdrawn,
        to_pods.LimitsChanged,
        to_pods.InventoryRequested,
    ),
    Speaker.SHARING: (
        hub.ShareOffered,
        hub.ShareAccepted,
        hub.ShareRejected,
        hub.ShareRevoked,
        hub.ShareSuspended,
        hub.ShareResumed,
        hub.ShareDeliveryRequested,
        hub.GalleryShared,
        hub.RolesGranted,
        hub.TenantSet,
        hub.TokenCreated,
        hub.TokenRevoked,
    ),
    Speaker.NOTIFIER: (),
    Speaker.CONNECTOR: (
        from_pods.PodAnnounced,
        from_pods.PodReported,
        from_pods.InventoryReported,
        from_pods.SourceStarted,
        from_pods.SourceInspected,
        from_pods.SourceStepped,
        from_pods.SourcePrepared,
        from_pods.SourceRejected,
        from_pods.SourceDeleted,
        from_pods.SourceKept,
        from_pods.AssignmentReported,
        from_pods.CopyTransferred,
        from_pods.CopyFinalised,
        from_pods.CopyRejected,
        from_pods.CopyContinued,
        from_pods.CopyCorrupted,
        from_pods.CopyDropped,
    ),
    Speaker.INTAKE: (intake.ImageBuilt, intake.ImageBuiltV1),
}
"""Every event type under its only speaker."""

SPEAKER_OF: dict[type[Event], Speaker] = {kind: who for who, kinds in SPEAKERS.items() for kind in kinds}
EVENT_TYPES: tuple[type[Event], ...] = tuple(SPEAKER_OF)

__all__ = [
    "EVENT_TYPES",
    "SPEAKERS",
    "SPEAKER_OF",
    "Event",
    "Speaker",
    "copies",
    "from_pods",
    "holdings",
    "hub",
    "intake",
    "shares",
    "to_pods",
    "versions",
]
