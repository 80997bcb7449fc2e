"""What each client must not be able to say and to hear."""

from contracts.topology import STREAMS

API = "$JS.API"
CHANGES_OF_STREAMS = [
    f"{API}.STREAM.{verb}.{stream.name}"
    for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "MSG.GET", "SNAPSHOT", "RESTORE")
    for stream in STREAMS
]


def changes_by_speaker(*streams: str) -> list[str]:
    """`CHANGES_OF_STREAMS` but single messages of ``streams``: who speaks there looks whether its words still stand."""
    return [
        subject for subject in CHANGES_OF_STREAMS if subject not in {f"{API}.STREAM.MSG.GET.{one}" for one in streams}
    ]


REST_OF_STREAMS = [subject for subject in CHANGES_OF_STREAMS if ".CREATE." not in subject and ".UPDATE." not in subject]
READS_OF_OTHERS = [
    f"{API}.CONSUMER.MSG.NEXT.EVENTS.catalog",
    f"{API}.CONSUMER.MSG.NEXT.FROM_PODS.catalog",
    f"{API}.CONSUMER.MSG.NEXT.TO_PODS.connector-pod-2",
    f"{API}.CONSUMER.MSG.NEXT.TO_PODS.connector-pod-10",
    f"{API}.CONSUMER.CREATE.EVENTS",
    f"{API}.CONSUMER.CREATE.FROM_PODS",
    f"{API}.CONSUMER.CREATE.TO_PODS",
    f"{API}.CONSUMER.CREATE.TO_PODS.x.to.pod.>",
    f"{API}.CONSUMER.DURABLE.CREATE.FROM_PODS.x",
    f"{API}.CONSUMER.DELETE.TO_PODS.connector-pod-2",
    f"{API}.CONSUMER.DELETE.EVENTS.catalog",
    f"{API}.CONSUMER.NAMES.EVENTS",
    f"{API}.CONSUMER.PAUSE.EVENTS.catalog",
    f"{API}.DIRECT.GET.EVENTS",
    "$SYS.REQ.SERVER.PING",
]

PUBLISH: dict[str, list[str]] = {
    "connector-pod-1": [
        "from.pod.pod-2.copy.finalised.c",
        "from.pod.pod-10.pod.announced.pod-10",
        "from.pod.pod-1.version.available.v",
        "from.pod.pod-1",
        "to.pod.pod-1.copy.requested.c",
        "to.pod.pod-2.copy.requested.c",
        "event.copy.available.c",
        "event.version.available.v",
        "intake.jenkins.image.built",
        "progress.pod.pod-2.c",
        "progress.pod.pod-10.c",
        "command.catalog.import",
        "query.catalog.images",
        "_INBOX_gateway.x",
        "_INBOX_connector-pod-2.x",
        "_INBOX_connector-pod-10.x",
        f"{API}.INFO",
        f"{API}.STREAM.INFO.TO_PODS",
        f"{API}.CONSUMER.INFO.TO_PODS.connector-pod-2",
        "hub.CONSUMER.INFO.TO_PODS.connector-pod-2",
        f"{API}.CONSUMER.DURABLE.CREATE.TO_PODS.connector-pod-1",
        f"{API}.CONSUMER.DELETE.TO_PODS.connector-pod-1",
        "$JS.ACK.TO_PODS.connector-pod-2.1.1.1.1.0",
        "$JS.ACK.EVENTS.catalog.1.1.1.1.0",
        "$JS.ACK.EVENTS.catalog.TO_PODS.connector-pod-1.1.1.1",
        "$JS.FC.EVENTS.x",
        *CHANGES_OF_STREAMS,
        *READS_OF_OTHERS,
    ],
    "catalog": [
        "event.copy.available.c",
        "event.share.offered.i",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.copy.requested.c",
        "intake.jenkins.image.built",
        "command.sharing.offer",
        "_INBOX_replicator.x",
        f"{API}.CONSUMER.MSG.NEXT.EVENTS.replicator",
        f"{API}.CONSUMER.DURABLE.CREATE.EVENTS.sharing",
        "$JS.ACK.FROM_PODS.replicator.1.1.1.1.0",
        *changes_by_speaker("EVENTS", "TO_PODS"),
        *(subject for subject in READS_OF_OTHERS if ".catalog" not in subject),
        f"{API}.CONSUMER.PAUSE.EVENTS.catalog",
        f"{API}.CONSUMER.DELETE.EVENTS.replicator",
    ],
    "replicator": [
        "event.version.available.v",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.source.requested.v",
        "command.catalog.import",
        f"{API}.CONSUMER.DURABLE.CREATE.EVENTS.catalog",
        *changes_by_speaker("EVENTS", "TO_PODS"),
        *READS_OF_OTHERS,
    ],
    "sharing": [
        "event.image.registered.i",
        "event.copy.available.c",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.source.requested.v",
        *changes_by_speaker("EVENTS"),
        *READS_OF_OTHERS,
    ],
    "notifier": [
        "event.version.available.v",
        "event.copy.available.c",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.copy.requested.c",
        "command.catalog.import",
        *CHANGES_OF_STREAMS,
        *READS_OF_OTHERS,
    ],
    "gateway": [
        "event.version.available.v",
        "event.copy.available.c",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.copy.requested.c",
        "intake.jenkins.image.built",
        "progress.pod.pod-1.c",
        "query.catalog.dead_letters",
        "_INBOX_admin.x",
        f"{API}.STREAM.INFO.FROM_PODS",
        f"{API}.CONSUMER.CREATE.EVENTS.catalog",
        f"{API}.CONSUMER.CREATE.FROM_PODS.gateway-0",
        *CHANGES_OF_STREAMS,
        *READS_OF_OTHERS,
    ],
    "admin": [
        "event.version.available.v",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.copy.requested.c",
        "command.catalog.import",
        f"{API}.CONSUMER.DURABLE.CREATE.TO_PODS.connector-pod-1",
        *REST_OF_STREAMS,
        *READS_OF_OTHERS,
    ],
    "intake-jenkins": [
        "intake.gitlab.image.built",
        "intake.jenkins.image.failed",
        "event.image.registered.i",
        "from.pod.pod-1.copy.finalised.c",
        "to.pod.pod-1.copy.requested.c",
        "command.catalog.import",
        "$JS.ACK.INTAKE.catalog.1.1.1.1.0",
        f"{API}.STREAM.INFO.INTAKE",
        *CHANGES_OF_STREAMS,
        *READS_OF_OTHERS,
    ],
}
"""What each client must not be able to say."""

EVERYTHING = ["*", ">", "*.>", "$JS.>", "$SYS.>", "_INBOX.>", "_R_.>", "hub.>", "to.pod.>", "from.pod.>", "intake.>"]
INBOXES = ["catalog", "gateway", "admin", "connector-pod-1", "connector-pod-10", "intake-jenkins"]
SUBSCRIBE: dict[str, list[str]] = {
    "connector-pod-1": [
        "event.>", "to.pod.pod-1.>", "to.pod.pod-2.>", "from.pod.pod-1.>", "progress.pod.>", "progress.pod.pod-1.*",
        "progress.pod.pod-2.*", "command.catalog.*", "_INBOX_connector-pod-2.>", "$JS.EVENT.ADVISORY.>",
    ],
    "catalog": ["event.>", "command.sharing.*", "query.>", "progress.pod.>", "command.>"],
    "replicator": ["event.>", "command.catalog.*", "query.>", "progress.pod.>"],
    "sharing": ["event.>", "command.catalog.*", "query.>", "progress.pod.>"],
    "notifier": ["event.>", "command.catalog.*", "query.>", "progress.pod.>"],
    "gateway": ["event.>", "command.catalog.*", "query.>", "progress.pod.>", "progress.>"],
    "admin": ["command.>", "query.>", "progress.pod.*.*"],
    "intake-jenkins": ["event.>", "intake.jenkins.>", "command.>", "progress.pod.>"],
}  # fmt: skip
"""What each must not be able to hear; to this everything at once and everybody else's inboxes are added."""
