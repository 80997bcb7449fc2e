"""What a pod's reports leave out: copies that it should be at work on, or should have dropped by now."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from contracts.events.from_pods import PodReported
from replicator.domain.pod import SHORTEST_SILENCE, Pod

MOST_WORKING = 64
"""Copies that a report names at most (`PodReported`)."""
MOST_UNHEARD = 16
"""Copies of each sort that are watched at a time."""


def unnamed(running: Iterable[str], leaving: Iterable[str], words: PodReported) -> Iterator[str]:
    """Copies that the pod should be at work on and does not name in its report, and those that it was told to drop and
    did not; some of them, if there are many. A report that names as many as fit may have left some out."""
    if words.working is not None and len(words.working) < MOST_WORKING:
        named = {one.rpartition(":")[0] for one in words.working}
        yield from islice((id for id in running if id not in named), MOST_UNHEARD)
    yield from islice(leaving, MOST_UNHEARD)


def patience(pod: Pod) -> timedelta:
    """How long the pod may take to say what it should: two of its reports."""
    return timedelta(seconds=2 * max(pod.interval, SHORTEST_SILENCE))


def listened(pod: Pod, unnamed: Iterable[str], at: datetime) -> tuple[Pod, tuple[str, ...]]:
    """The pod after a report that leaves ``unnamed`` out, and those of which nothing was heard for two of its
    intervals: they are said again, and awaited as long once more."""
    since = {id: pod.unheard.get(id, at) for id in unnamed}
    overdue = tuple(id for id, when in since.items() if at - when >= patience(pod))
    since.update(dict.fromkeys(overdue, at))
    return (pod if since == pod.unheard else msgspec.structs.replace(pod, unheard=since)), overdue
