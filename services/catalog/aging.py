"""Jobs that are over do not stay for ever: after ``job_days`` one goes, with its timeline (features.md I1).

Each job brings a reminder of its own, set in the transaction that makes it: nothing looks for old ones.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from catalog.documents import JOB
from catalog.domain import job as jobs
from catalog.settings import CatalogSettings
from contracts.events.intake import ImageBuilt
from contracts.requests import Command
from runtime.work import Get, Handle, Local, Message, Reaction, Ref, Work

FORGET = "DELETE FROM timeline WHERE saga = ?"
AGAIN = timedelta(days=1)
"""When a job that is still under way is looked at again."""


class JobAged(Local, frozen=True, kw_only=True, tag="job.aged"):
    """A job is as old as one that is over may get."""

    job: str


def reminder_name(job: str) -> str:
    """The name of a job's reminder."""
    return f"job/{job}"


def reactions(settings: CatalogSettings) -> dict[type, Reaction]:
    """The reaction to the age of a job."""
    days = timedelta(days=settings.job_days)

    def on_aged(message: Message[JobAged], work: Work) -> None:
        _on_aged(message, work, days)

    return {JobAged: Reaction(_keys, on_aged)}


def aging(reactions: Mapping[type, Reaction], settings: CatalogSettings) -> dict[type, Reaction]:
    """The reactions; those that start jobs set a reminder for each job that they made."""
    days = timedelta(days=settings.job_days)
    return {
        kind: dataclasses.replace(reaction, handle=_reminding(reaction.handle, days))
        if issubclass(kind, Command | ImageBuilt | Local)
        else reaction
        for kind, reaction in reactions.items()
    }


def _reminding(handle: Handle, days: timedelta) -> Handle:
    def handle_and_remind(message: Message[Any], work: Work) -> msgspec.Struct | None:
        reply = handle(message, work)
        for kind, id in work.changed:
            if kind == JOB.name and (job := work.get(JOB, id)) is not None and job.created == message.at:
                work.remind(reminder_name(id), message.at + days, JobAged(job=id), saga="")
        return reply

    return handle_and_remind


def _keys(message: Message[JobAged], _: Get) -> Iterator[Ref]:
    yield JOB(message.body.job)


def _on_aged(message: Message[JobAged], work: Work, days: timedelta) -> None:
    id, at = message.body.job, message.at
    job = work.get(JOB, id)
    if job is None:
        return
    due = at + AGAIN if jobs.running(job) else job.created + days
    if due > at:
        work.remind(reminder_name(id), due, message.body)
        return
    work.put(JOB, id, None)
    work.write(FORGET, id)
