"""The reaction to what pods report of their seats: it is what keeps copies that are in use where they are."""

from collections.abc import Iterator

from contracts.events.from_pods import AssignmentReported
from replicator.config import Config
from replicator.documents import POD, SEATED
from replicator.domain import seated
from replicator.domain.pod import Removed
from runtime.work import Get, Message, Ref, Work


def reported_keys(message: Message[AssignmentReported], _: Get) -> Iterator[Ref]:
    """The pod, and what it reported before."""
    yield POD(message.pod)
    yield SEATED(message.pod)


def reported(message: Message[AssignmentReported], work: Work, config: Config) -> None:
    """Remember how many seats the pod has of which version."""
    del config
    work.saga = ""
    pod = work.get(POD, message.pod)
    if pod is None or isinstance(pod, Removed):
        return
    known = work.get(SEATED, message.pod)
    now = seated.heard(known, message.body)
    if now is not known:
        work.put(SEATED, message.pod, now)
