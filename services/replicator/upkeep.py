"""What the replicator tells itself about pods and what they hold."""

from datetime import datetime, timedelta

from runtime.work import Local, Work


class PodSilent(Local, frozen=True, kw_only=True, tag="pod_silent"):
    """A pod that has not reported by now is OFFLINE. Set anew when it fires, so that a heartbeat costs no reminder."""

    pod: str


class Compare(Local, frozen=True, kw_only=True, tag="compare"):
    """Sections of a pod's inventory came and are to be held against what should be there."""

    pod: str


class Tally(Local, frozen=True, kw_only=True, tag="tally"):
    """An item that was no copy became one: count anew how many of the pod's are none."""

    pod: str


class Adoption(Local, frozen=True, kw_only=True, tag="adoption"):
    """A pod holds a published version without being a target, and is to be one."""

    pod: str
    version: str


class SoughtStale(Local, frozen=True, kw_only=True, tag="sought_stale"):
    """A version was sought long enough ago to be sought again."""

    version: str


class Leaving(Local, frozen=True, kw_only=True, tag="leaving"):
    """A pod was removed: what is remembered of its copies from ``section`` on is to go. ``removal`` tells this removal
    from a later one (when it was)."""

    pod: str
    section: int
    removal: datetime


def remind_silence(work: Work, pod: str, due: datetime) -> None:
    """Ask at ``due`` whether the pod still reports."""
    work.remind(f"silent:{pod}", due, PodSilent(pod=pod), saga="")


def remind_compare(work: Work, pod: str) -> None:
    """Compare what ``pod`` reported, at once. Its sections go a few at a time, one reminder after the other."""
    work.remind(f"compare:{pod}", work.message.at, Compare(pod=pod), saga="")


def remind_tally(work: Work, pod: str) -> None:
    """Count the strays of ``pod`` anew."""
    work.remind(f"tally:{pod}", work.message.at, Tally(pod=pod), saga="")


def remind_adoption(work: Work, pod: str, version: str) -> None:
    """Make ``pod`` a target of ``version``, which it holds already."""
    work.remind(f"adoption:{pod}:{version}", work.message.at, Adoption(pod=pod, version=version), saga="")


def remind_sought(work: Work, version: str, seconds: float) -> None:
    """Seek ``version`` no more for ``seconds``."""
    due = work.message.at + timedelta(seconds=seconds)
    work.remind(f"sought:{version}", due, SoughtStale(version=version), saga="")


def remind_leaving(work: Work, pod: str, section: int, removal: datetime) -> None:
    """Go on with what is remembered of a removed pod."""
    body = Leaving(pod=pod, section=section, removal=removal)
    work.remind(f"leaving:{pod}", work.message.at, body, saga="")
