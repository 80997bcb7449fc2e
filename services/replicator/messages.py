"""What the replicator tells itself when a deadline comes."""

from datetime import datetime, timedelta
from typing import TypeAlias

from contracts.names import copy_id
from replicator.domain.copy import Copy, Corrupt, RetryPending
from runtime.work import Local, Work


class RetryDue(Local, frozen=True, kw_only=True, tag="retry_due"):
    """The attempt after ``attempt`` may begin; of a CORRUPT copy, if somebody holds the version by now."""

    copy: str
    attempt: int


class RepairStalled(Local, frozen=True, kw_only=True, tag="repair_stalled"):
    """The ticket of a repair's attempt ended, and its pod did not ask for another: nothing more will come of it."""

    copy: str
    attempt: int


class PublishOverdue(Local, frozen=True, kw_only=True, tag="publish_overdue"):
    """The deadline of a publish passed: what is unfinished comes to an end. One for a publish, not for each copy."""

    version: str
    publication: int


class PodSilent(Local, frozen=True, kw_only=True, tag="pod_silent"):
    """A pod that has not reported by now is OFFLINE. Set anew when it fires, so that a heartbeat costs no reminder."""

    pod: str


LOCAL: TypeAlias = RetryDue | RepairStalled | PublishOverdue | PodSilent


def remind_retry(work: Work, id: str, copy: RetryPending) -> None:
    """Make the next attempt of ``copy`` when its time comes."""
    work.remind(f"retry:{id}", copy.next_attempt, RetryDue(copy=id, attempt=copy.attempt), saga=copy.saga)


def remind_repair(work: Work, copy: Corrupt | RetryPending, seconds: float) -> None:
    """Look again after ``seconds`` whether ``copy`` can be made anew."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    due = work.message.at + timedelta(seconds=seconds)
    work.remind(f"retry:{id}", due, RetryDue(copy=id, attempt=copy.attempt), saga=copy.saga)


def remind_stall(work: Work, id: str, copy: Copy, due: datetime) -> None:
    """Take the latest attempt of a repair for lost at ``due``; replaces what was said of it before."""
    work.remind(f"stall:{id}", due, RepairStalled(copy=id, attempt=copy.attempt), saga=copy.saga)


def forget_stall(work: Work, id: str) -> None:
    """The attempt ended."""
    work.forget(f"stall:{id}")


def forget_retry(work: Work, id: str) -> None:
    """The next attempt is no longer wanted."""
    work.forget(f"retry:{id}")


def remind_overdue(work: Work, version: str, publication: int, deadline: datetime) -> None:
    """Bring a publish to its end at ``deadline``."""
    body = PublishOverdue(version=version, publication=publication)
    work.remind(f"overdue:{version}:{publication}", deadline, body)


def remind_silence(work: Work, pod: str, due: datetime) -> None:
    """Ask at ``due`` whether the pod still reports."""
    work.remind(f"silent:{pod}", due, PodSilent(pod=pod), saga="")
