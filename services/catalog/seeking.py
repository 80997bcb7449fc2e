"""The reaction to a replicator that does not know a version: it is told again what is wanted of it."""

from collections.abc import Iterator

import msgspec

from catalog.config import Config
from catalog.documents import ASKED, DELIVERIES, IMAGE, JOB, VERSION
from catalog.domain import delivering, withdrawing
from catalog.domain.asked import Asked
from catalog.domain.delivering import Deliveries
from catalog.follow import version_of
from catalog.publishes import placed
from contracts.events.hub import VersionSought
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to a version that is sought."""
    settings = config.settings

    def on_sought(message: Message[VersionSought], work: Work) -> None:
        id = message.body.version
        version, asked = version_of(work, id), work.get(ASKED, id)
        work.saga = ""
        if asked is not None and asked.sought is not None:
            since = (message.at - asked.sought).total_seconds()
            if 0 <= since < settings.sought_interval:
                return  # each pod that holds the version makes the replicator seek it
        image = None if version is None else work.get(IMAGE, version.image)
        fixed = image is not None and not image.details.allow_deletion_of_replicated_locations
        events = withdrawing.decide_sought(version, id, asked, message.at, settings.publish_deadline, fixed=fixed)
        if image is not None:
            events = [placed(event, image) for event in events]
        events = withdrawing.decide_denied(version, id) + events if events else []
        events += withdrawing.decide_held(version, id, message.body.pod)
        if version is None or not events:
            return
        work.saga = version.job
        for event in events:
            work.emit(event)
        if image is not None:
            for job, delivery in (work.get(DELIVERIES, id) or Deliveries()).by.items():
                work.emit(delivering.requested(image, id, version, job, delivery), saga=job)
        if asked is not None:
            work.put(ASKED, id, _told(asked, message))

    return {VersionSought: Reaction(_keys, on_sought)}


def _told(asked: Asked, message: Message[VersionSought]) -> Asked:
    return msgspec.structs.replace(asked, sought=message.at)


def _keys(message: Message[VersionSought], get: Get) -> Iterator[Ref]:
    yield VERSION(message.body.version)
    yield ASKED(message.body.version)
    yield DELIVERIES(message.body.version)
    if (version := get(VERSION, message.body.version)) is not None:
        yield IMAGE(version.image)
        yield JOB(version.job)
