"""Reactions to a version whose data is denied, or not any more (features.md F6): its copies pause, and go on.

Its own reason beside a person's pause: neither undoes the other.
"""

from collections.abc import Iterator

import msgspec

from contracts.events.hub import VersionDeactivated, VersionPublishRequested, VersionReactivated
from replicator.config import Config
from replicator.documents import DENIED, LANE, PLACEMENT
from replicator.domain import denied
from replicator.domain.denied import Denied
from replicator.pausing import settle
from replicator.targeting import copies_keys
from runtime.work import Get, Message, Ref, Work

Words = VersionDeactivated | VersionReactivated


def access_keys(message: Message[Words], get: Get) -> Iterator[Ref]:
    """The placement with all of its copies, should there be one."""
    version = message.body.version
    yield DENIED(version)
    yield from copies_keys(version, get)
    placement = get(PLACEMENT, version)
    if placement is not None:
        yield LANE(placement.tenant)


def access(message: Message[Words], work: Work, config: Config) -> None:
    """Heed what the catalog says of the version's data. It may say so before it ever asked for copies."""
    words = message.body
    known = work.get(DENIED, words.version)
    now = denied.heard(known, words.revision, denied=isinstance(words, VersionDeactivated))
    _note(work, words.version, now)
    placement = work.get(PLACEMENT, words.version)
    if placement is not None and placement.denied != now.denied:
        work.saga = placement.saga
        settle(work, config, placement, msgspec.structs.replace(placement, denied=now.denied))
    else:
        work.saga = ""


def published(work: Work, words: VersionPublishRequested) -> bool:
    """Whether the data of a version that the catalog publishes is denied all the same: that was said with it, because
    the version was sought."""
    now = denied.published(work.get(DENIED, words.version), words.revision)
    _note(work, words.version, now)
    return now is not None and now.denied


def _note(work: Work, version: str, now: Denied | None) -> None:
    if now != work.get(DENIED, version):
        work.put(DENIED, version, now)
