"""Reactions to the operator's limits for a pod, and how its connector comes to know them."""

from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

from contracts.errors import Problem
from contracts.events.to_pods import LimitsChanged
from contracts.requests import SetPodLimits
from contracts.views import PodView
from replicator import slots
from replicator.config import Config
from replicator.documents import LIMITS, POD, QUEUE
from replicator.domain.limits import PodLimits, decide
from replicator.domain.pod import Removed
from replicator.views import no_pod, pod_view
from runtime.work import Get, Message, Ref, Work


def limits_keys(message: Message[SetPodLimits], _: Get) -> Iterator[Ref]:
    """The pod, its limits, and its queue, which its view tells too."""
    yield POD(message.body.pod)
    yield LIMITS(message.body.pod)
    yield QUEUE(message.body.pod)


def set_limits(message: Message[SetPodLimits], work: Work, _: Config) -> PodView | Problem:
    """Put limits in force, or refuse and change nothing. The same limits again are no change."""
    command = message.body
    pod = work.get(POD, command.pod)
    if pod is None or isinstance(pod, Removed):
        return no_pod(command.pod)
    known = work.get(LIMITS, command.pod) or PodLimits()
    wanted = decide(known, command, _zone_exists, work.floor)
    if isinstance(wanted, Problem):
        return wanted
    if wanted is not known:
        work.put(LIMITS, command.pod, wanted)
        tell_limits(work, command.pod)
        slots.changed(work, command.pod)  # a window may have opened, or a slot been given
    return pod_view(pod, wanted, work.get(QUEUE, command.pod), actor=command.actor, at=message.at)


def tell_limits(work: Work, pod: str) -> None:
    """Tell the pod's connector its limits, if it was ever given any: they may be new to it, or it may be new."""
    known = work.get(LIMITS, pod)
    if known is not None:
        work.emit(LimitsChanged(pod=pod, revision=known.revision, limits=known.limits), saga="")


@lru_cache(64)
def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a folder of the database
        return False
    return True
