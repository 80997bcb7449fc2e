"""Streams, subjects and durables: the one table of what is said where, who writes it and who reads it."""

import re
from dataclasses import dataclass, field

from contracts.events import (
    EVENT_TYPES,
    SPEAKER_OF,
    Event,
    Speaker,
    copies,
    from_pods,
    holdings,
    hub,
    intake,
    shares,
    to_pods,
    versions,
)

DAY = 86_400.0
MAX_MESSAGE = 64 * 1024
"""Bytes of the largest message; anything larger is a design mistake (design 2)."""


@dataclass(frozen=True)
class Stream:
    """A JetStream stream; ages and windows in seconds. Always file storage and ``discard: new``."""

    name: str
    subjects: tuple[str, ...]
    max_age: float
    max_bytes: int
    duplicate_window: float = 120.0
    max_message: int = MAX_MESSAGE


@dataclass(frozen=True)
class Durable:
    """A durable pull consumer: one for each service and stream, named after the service.

    ``max_deliver`` is -1: the consumer's own rule (more than ten deliveries is a dead letter) must never lose a
    message to the server's.
    """

    name: str
    stream: str
    filters: tuple[str, ...]
    ack_wait: float = 30.0
    max_ack_pending: int = 4096
    types: tuple[type[Event], ...] = field(default=())


MIB = 1024 * 1024
STREAMS: tuple[Stream, ...] = (
    Stream("EVENTS", ("event.>",), 7 * DAY, 1024 * MIB),
    Stream("TO_PODS", ("to.pod.>",), 1 * DAY, 512 * MIB),
    Stream("FROM_PODS", ("from.pod.>",), 7 * DAY, 1024 * MIB),
    Stream("INTAKE", ("intake.>",), 7 * DAY, 64 * MIB),
)
STREAM_BY_NAME = {stream.name: stream for stream in STREAMS}

_STREAM_OF_MODULE = {
    versions.__name__: "EVENTS",
    copies.__name__: "EVENTS",
    holdings.__name__: "EVENTS",
    shares.__name__: "EVENTS",
    to_pods.__name__: "TO_PODS",
    from_pods.__name__: "FROM_PODS",
    intake.__name__: "INTAKE",
}
STREAM_OF: dict[type[Event], str] = {kind: _STREAM_OF_MODULE[kind.__module__] for kind in EVENT_TYPES}

_SUBJECT = {kind: (STREAM_OF[kind], kind.words(), kind.about) for kind in EVENT_TYPES}


_TOKEN = re.compile(r"[^\x00-\x20.*>\x7f-\U0010ffff]{1,128}")
"""One token of a subject: printable ASCII but ``.``, ``*`` and ``>``."""


def subject(event: Event, pod: str | None = None) -> str:
    """The subject on which ``event`` is said; ``pod`` is the speaking pod, for FROM_PODS only.

    Raises ValueError when nobody may say it there, or when what it is about is no single token: the server would refuse
    the subject for ever, and with it everything that is to be said afterwards.
    """
    kind = type(event)
    stream, words, about = _SUBJECT[kind]
    ident = getattr(event, about)
    if _TOKEN.fullmatch(ident) is None:
        raise ValueError(f"{kind.type_name()} about {ident[:100]!r}: not a token of a subject")
    if stream == "EVENTS":
        return f"event.{words}.{ident}"
    if stream == "TO_PODS":
        return f"to.pod.{event.pod}.{words}.{ident}"  # type: ignore[attr-defined]
    if stream == "FROM_PODS" and pod is not None:
        return f"from.pod.{pod}.{words}.{ident}"
    raise ValueError(f"{kind.type_name()} is not for this speaker to say")


def subject_filter(kind: type[Event], pod: str | None = None) -> str:
    """The subjects on which events of ``kind`` come; ``pod`` restricts TO_PODS and FROM_PODS to one pod."""
    match STREAM_OF[kind]:
        case "EVENTS":
            return f"event.{kind.words()}.*"
        case "TO_PODS":
            return f"to.pod.{pod or '*'}.{kind.words()}.*"
        case "FROM_PODS":
            return f"from.pod.{pod or '*'}.{kind.words()}.*"
    return f"intake.*.{kind.words()}"


def speaker(stream: str, subject: str) -> str:
    """Who said what came on ``subject``: ``pod:pod-1``, ``intake:jenkins``, or the hub service by its type.

    From the subject alone, which the server's permissions guard; a body or a header proves nothing.
    """
    tokens = subject.split(".")
    match stream:
        case "FROM_PODS":
            return f"pod:{tokens[2]}"
        case "INTAKE":
            return f"intake:{tokens[1]}"
        case "TO_PODS":
            return _SPEAKER_OF_WORDS[".".join(tokens[3:5])]
    return _SPEAKER_OF_WORDS[".".join(tokens[1:3])]


_SPEAKER_OF_WORDS = {
    kind.words(): str(SPEAKER_OF[kind]) for kind in EVENT_TYPES if STREAM_OF[kind] in ("EVENTS", "TO_PODS")
}

HEARS: dict[Speaker, tuple[type[Event], ...]] = {
    Speaker.CATALOG: (
        from_pods.SourceStarted,
        from_pods.SourceInspected,
        from_pods.SourceStepped,
        from_pods.SourcePrepared,
        from_pods.SourceRejected,
        from_pods.SourceDeleted,
        from_pods.SourceKept,
        from_pods.AssignmentReported,
        hub.PodEnrolled,
        hub.PodConnected,
        hub.PodDisconnected,
        hub.PodDrained,
        hub.PodReadmitted,
        hub.PodRelabelled,
        hub.PodRemoved,
        hub.PolicySet,
        hub.PolicyDropped,
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
        hub.VersionSought,
        hub.DeliveryPlanned,
        hub.DeliveryEnded,
        hub.PlacementPlanned,
        hub.PlacementRefused,
        hub.PlacementRolledBack,
        hub.CopyPlanned,
        hub.CopyStarted,
        hub.CopyDelayed,
        hub.CopyAvailable,
        hub.CopyFailed,
        hub.CopyLost,
        hub.CopyCancelled,
        hub.CopyRetired,
        hub.CopyRemoved,
        intake.ImageBuilt,
        intake.ImageBuiltV1,
    ),
    Speaker.REPLICATOR: (
        hub.VersionPublishRequested,
        hub.VersionUnpublishRequested,
        hub.VersionCancelRequested,
        hub.VersionDeliveryRequested,
        hub.ShareOffered,
        hub.ShareAccepted,
        hub.ShareRejected,
        hub.ShareRevoked,
        hub.ShareSuspended,
        hub.ShareResumed,
        hub.GalleryShared,
        hub.RolesGranted,
        hub.TenantSet,
        hub.VersionDeactivated,
        hub.VersionReactivated,
        hub.VersionDeleted,
        hub.ImageRegistered,
        hub.ImageChanged,
        hub.ImageDeleted,
        from_pods.AssignmentReported,
        from_pods.PodAnnounced,
        from_pods.PodReported,
        from_pods.InventoryReported,
        from_pods.CopyTransferred,
        from_pods.CopyFinalised,
        from_pods.CopyRejected,
        from_pods.CopyContinued,
        from_pods.CopyCorrupted,
        from_pods.CopyDropped,
    ),
    Speaker.SHARING: (
        hub.GalleryCreated,
        hub.GalleryChanged,
        hub.GalleryDeleted,
        hub.ImageRegistered,
        hub.ImageChanged,
        hub.ImageDisabled,
        hub.ImageEnabled,
        hub.ImageDeleted,
        hub.VersionDeleted,
        hub.VersionWithdrawn,
        hub.VersionDeployed,
        hub.VersionAvailable,
        hub.VersionPartiallyAvailable,
    ),
    Speaker.NOTIFIER: (
        hub.ShareOffered,
        hub.ShareAccepted,
        hub.ShareRejected,
        hub.ShareRevoked,
        hub.ShareSuspended,
        hub.ShareResumed,
        hub.VersionRequested,
        hub.VersionDeployed,
        hub.VersionPublishRequested,
        hub.VersionReplicating,
        hub.VersionAvailable,
        hub.VersionPartiallyAvailable,
        hub.VersionFailed,
        hub.VersionWithdrawn,
        hub.VersionChanged,
        hub.VersionDisabled,
        hub.VersionEnabled,
        hub.VersionDeactivated,
        hub.VersionReactivated,
        hub.VersionSoftDeleted,
        hub.VersionRestored,
        hub.VersionDeleted,
        hub.ImageChanged,
        hub.ImageDisabled,
        hub.ImageEnabled,
        hub.ImageDeleted,
        hub.MarkerMoved,
        hub.MarkerDeleted,
        hub.RolloutAdvanced,
        hub.AssignmentCreated,
        hub.AssignmentUpdated,
        hub.AssignmentSettled,
        hub.AssignmentDeleted,
        hub.PlacementPlanned,
        hub.PlacementRefused,
        hub.PlacementRolledBack,
        hub.CopyPlanned,
        hub.CopyStarted,
        hub.CopyDelayed,
        hub.CopyAvailable,
        hub.CopyFailed,
        hub.CopyLost,
        hub.CopyCancelled,
        hub.CopyRetired,
        hub.CopyRemoved,
    ),
    Speaker.CONNECTOR: (
        to_pods.SourceRequested,
        to_pods.SourceReleased,
        to_pods.SourceDiscarded,
        to_pods.AssignmentRequested,
        to_pods.AssignmentWithdrawn,
        to_pods.CopyRequested,
        to_pods.CopyExtended,
        to_pods.CopyPaused,
        to_pods.CopyWithdrawn,
        to_pods.LimitsChanged,
        to_pods.InventoryRequested,
    ),
}
"""What each service listens to; its handlers answer exactly these types (a test compares the two)."""


def durables(service: Speaker, pod: str | None = None) -> tuple[Durable, ...]:
    """The durables of a service; a connector's belongs to its pod and takes all that is addressed to it."""
    if service is Speaker.CONNECTOR:
        if pod is None:
            raise ValueError("a connector's durable needs its pod")
        return (Durable(f"connector-{pod}", "TO_PODS", (f"to.pod.{pod}.>",), types=HEARS[service]),)
    found = []
    for stream in STREAMS:
        types = tuple(kind for kind in HEARS.get(service, ()) if STREAM_OF[kind] == stream.name)
        if types:
            filters = tuple(sorted({subject_filter(kind) for kind in types}))
            found.append(Durable(str(service), stream.name, filters, types=types))
    return tuple(found)
