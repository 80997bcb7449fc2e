"""What a connector is to do for a version or a copy, decided from what it is told. No I/O: `connector.tasks` does it.

There is at most one task for each version's source and one for each copy; a newer word replaces it. What came to an end
leaves a `Closed` behind, so that an old word which arrives late (or again) changes nothing: messages come in any order.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.errors import Failure
from contracts.events import Event
from contracts.events.from_pods import SourceRejected, SourceStarted
from contracts.events.to_pods import (
    CopyExtended,
    CopyRequested,
    CopyWithdrawn,
    Holder,
    SourceDiscarded,
    SourceReleased,
    SourceRequested,
)
from contracts.manifest import Format, Manifest, Source


class _Task(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    version: str
    saga: str


class Import(_Task, frozen=True, kw_only=True, tag="import"):
    """Prepare a source."""

    image: str
    tenant: str
    attempt: int
    source: Source
    mode: Literal["clone", "convert"]
    file_type: Format | None
    datastore: str | None


class Discard(_Task, frozen=True, kw_only=True, tag="discard"):
    """Undo an import."""


class Release(_Task, frozen=True, kw_only=True, tag="release"):
    """Delete the source of a *convert*."""

    source: Source


class Copy(_Task, frozen=True, kw_only=True, tag="copy"):
    """Make a copy. ``ticket`` opens the doors of ``holders`` until ``ticket_expires``; all three may be renewed while
    it is under way."""

    copy: str
    image: str
    tenant: str
    attempt: int
    manifest: Manifest
    holders: tuple[Holder, ...]
    ticket: str
    ticket_expires: datetime | None = None
    datastore: str | None


class Withdraw(_Task, frozen=True, kw_only=True, tag="withdraw"):
    """Take a copy back."""

    copy: str
    attempt: int


Task: TypeAlias = Import | Discard | Release | Copy | Withdraw


def same_work(one: Task | None, other: Task) -> bool:
    """Whether two tasks ask for the same: a ticket and holders that were renewed change nothing about the work."""
    return _bare(one) == _bare(other)


def _bare(task: Task | None) -> Task | None:
    if not isinstance(task, Copy):
        return task
    return msgspec.structs.replace(task, ticket="", ticket_expires=None, holders=())


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How the latest task of a version or a copy ended; kept for longer than any message about it can be on its way."""

    attempt: int
    end: Literal["done", "rejected", "discarded", "withdrawn"]
    failure: Failure | None = None


@dataclass(frozen=True)
class Decision:
    """The task and the end from now on, and what is said."""

    task: Task | None
    closed: Closed | None
    events: tuple[Event, ...] = ()


def source_requested(task: Task | None, closed: Closed | None, event: SourceRequested, pod: str, saga: str) -> Decision:
    """An import begins, goes on, or was over before."""
    same = Decision(task, closed)
    if closed is not None and closed.end == "discarded":
        return same  # the version was given up; ids are never used again
    if isinstance(task, Discard | Release):
        return same  # a later word was here first
    if isinstance(task, Import) and task.attempt >= event.attempt:
        return same
    if closed is not None and closed.attempt > event.attempt:
        return same
    if closed is not None and closed.attempt == event.attempt and closed.failure is not None:
        # Its rejection may have been missed. What was refused stays refused: a new try is a new attempt.
        return Decision(
            task, closed, (SourceRejected(version=event.version, attempt=event.attempt, failure=closed.failure),)
        )
    if event.source.pod != pod:
        failure = Failure(
            code="vm_not_found", step="read", text=f"The source is on {event.source.pod}, this is {pod}", retry=False
        )
        rejected = SourceRejected(version=event.version, attempt=event.attempt, failure=failure)
        return Decision(None, Closed(attempt=event.attempt, end="rejected", failure=failure), (rejected,))
    begun = Import(
        version=event.version,
        saga=saga,
        image=event.image,
        tenant=event.tenant,
        attempt=event.attempt,
        source=event.source,
        mode=event.mode,
        file_type=event.file_type,
        datastore=event.datastore,
    )
    return Decision(begun, closed, (SourceStarted(version=event.version, attempt=event.attempt),))


def source_discarded(event: SourceDiscarded, saga: str) -> Decision:
    """Whatever was under way for the version is to be undone; this is the last word about its source."""
    return Decision(Discard(version=event.version, saga=saga), Closed(attempt=0, end="discarded"))


def source_released(task: Task | None, closed: Closed | None, event: SourceReleased, saga: str) -> Decision:
    """The source may go, unless the version was given up."""
    if isinstance(task, Discard) or (closed is not None and closed.end == "discarded"):
        return Decision(task, closed)
    return Decision(Release(version=event.version, saga=saga, source=event.source), closed)


def copy_requested(task: Task | None, closed: Closed | None, event: CopyRequested, saga: str) -> Decision:
    """A copy begins or goes on; an attempt that is not newer than what is known changes nothing but its ticket."""
    same = Decision(task, closed)
    if isinstance(task, Copy) and task.attempt >= event.attempt:
        return Decision(_renewed(task, event), closed)
    if closed is not None:
        # The same attempt again after it was done or rejected: the word about its end may have been missed, and doing
        # it again finds the item in the library, or tries once more.
        stale = closed.attempt >= event.attempt if closed.end == "withdrawn" else closed.attempt > event.attempt
        if stale:
            return same
    begun = Copy(
        version=event.version,
        saga=saga,
        copy=event.copy,
        image=event.image,
        tenant=event.tenant,
        attempt=event.attempt,
        manifest=event.manifest,
        holders=event.holders,
        ticket=event.ticket,
        ticket_expires=event.ticket_expires,
        datastore=event.datastore,
    )
    return Decision(begun, closed)


def copy_extended(task: Task | None, closed: Closed | None, event: CopyExtended) -> Decision:
    """The attempt under way goes on with another ticket, and with the holders of now."""
    return Decision(_renewed(task, event) if isinstance(task, Copy) else task, closed)


def copy_continues(task: Task | None, closed: Closed | None, attempt: int, event: Event) -> Decision:
    """The ticket of a copy ends soon; if the copy is still wanted, another is asked for."""
    wanted = isinstance(task, Copy) and task.attempt == attempt
    return Decision(task, closed, (event,) if wanted else ())


def _renewed(task: Copy, event: CopyRequested | CopyExtended) -> Copy:
    """``task`` with the ticket and the holders of ``event``, if that is about the same attempt and lasts longer."""
    ends, now = event.ticket_expires, task.ticket_expires
    if task.attempt != event.attempt or ends is None or (now is not None and ends <= now):
        return task
    return msgspec.structs.replace(task, ticket=event.ticket, ticket_expires=ends, holders=event.holders)


def copy_withdrawn(task: Task | None, closed: Closed | None, event: CopyWithdrawn, saga: str) -> Decision:
    """The copy goes, unless a newer attempt is known: then the word is old."""
    if isinstance(task, Copy) and task.attempt > event.attempt:
        return Decision(task, closed)
    if closed is not None and closed.attempt > event.attempt:
        return Decision(task, closed)
    gone = Withdraw(version=event.version, saga=saga, copy=event.copy, attempt=event.attempt)
    return Decision(gone, Closed(attempt=event.attempt, end="withdrawn"))


def import_ended(
    task: Task | None, closed: Closed | None, attempt: int, failure: Failure | None, event: Event
) -> Decision:
    """An import came to its end; it counts only if it is still the one that is wanted."""
    if not isinstance(task, Import) or task.attempt != attempt:
        return Decision(task, closed)
    end: Literal["done", "rejected"] = "done" if failure is None else "rejected"
    return Decision(None, Closed(attempt=attempt, end=end, failure=failure), (event,))


def copy_arrived(task: Task | None, closed: Closed | None, attempt: int, event: Event) -> Decision:
    """All bytes of a copy are here."""
    said = isinstance(task, Copy) and task.attempt == attempt
    return Decision(task, closed, (event,) if said else ())


def copy_ended(
    task: Task | None, closed: Closed | None, attempt: int, failure: Failure | None, event: Event
) -> Decision:
    """A copy came to its end; as `import_ended`."""
    if not isinstance(task, Copy) or task.attempt != attempt:
        return Decision(task, closed)
    end: Literal["done", "rejected"] = "done" if failure is None else "rejected"
    return Decision(None, Closed(attempt=attempt, end=end, failure=failure), (event,))


def removed(task: Task | None, closed: Closed | None, done: Task, events: tuple[Event, ...] = ()) -> Decision:
    """A discard, withdrawal or release was carried out; if another word came meanwhile, that one stands."""
    if task != done:
        return Decision(task, closed)
    return Decision(None, closed, events)
