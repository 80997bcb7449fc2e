"""What a connector is to do for a version or a copy, decided from what it is told. No I/O: `connector.tasks` does it.

There is at most one task for each version's source and one for each copy; a newer word replaces it. What came to an end
leaves a `Closed` behind, so that an old word which arrives late (or again) changes nothing: messages come in any order.
The decisions about copies are in `connector.domain.copies`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.errors import Failure
from contracts.events import Event
from contracts.events.from_pods import SourceInspected, SourceRejected, SourceStarted, SourceStepped
from contracts.events.to_pods import Expected, Holder, SourceDiscarded, SourceReleased, SourceRequested
from contracts.manifest import Format, Manifest, Source
from contracts.preparation import AT_POD
from contracts.terms import Priority


class _Task(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    version: str
    saga: str


class Import(_Task, frozen=True, kw_only=True, tag="import"):
    """Prepare a source. ``room`` bytes are left by the quotas; ``expects`` is what the image says that it must be;
    ``snapshot`` is the name of one that is made of it. ``plugins`` are all import plug-ins in their order, those of the
    hub too; ``stepped`` is the position of the latest one that was told to have run here."""

    image: str
    tenant: str
    attempt: int
    source: Source
    mode: Literal["clone", "convert"]
    file_type: Format | None
    datastore: str | None
    room: int | None = None
    expects: Expected = Expected()
    snapshot: str | None = None
    plugins: tuple[str, ...] = ()
    stepped: int = 0


class Discard(_Task, frozen=True, kw_only=True, tag="discard"):
    """Undo an import; ``given_up``: with the snapshot that it made."""

    given_up: bool = False


class Release(_Task, frozen=True, kw_only=True, tag="release"):
    """Delete the source of a *convert*."""

    source: Source


class Copy(_Task, frozen=True, kw_only=True, tag="copy"):
    """Make a copy. ``ticket`` opens the doors of ``holders`` until ``ticket_expires``; all three may be renewed while
    it is under way, and so may its ``priority``. ``at`` is when the hub asked last, by the stream's clock."""

    copy: str
    image: str
    tenant: str
    attempt: int
    manifest: Manifest
    holders: tuple[Holder, ...]
    ticket: str
    ticket_expires: datetime | None = None
    datastore: str | None
    replica: int = 0
    priority: Priority = "normal"
    shallow: bool = False
    capabilities: tuple[str, ...] = ()
    gpu_types: tuple[str, ...] = ()
    at: datetime | None = None


class Paused(_Task, frozen=True, kw_only=True, tag="paused"):
    """Do nothing for a copy, and keep what was verified of it, until another word comes."""

    copy: str
    attempt: int
    at: datetime | None = None


class Withdraw(_Task, frozen=True, kw_only=True, tag="withdraw"):
    """Take a copy back."""

    copy: str
    attempt: int
    at: datetime | None = None


Task: TypeAlias = Import | Discard | Release | Copy | Paused | Withdraw


def same_work(one: Task | None, other: Task) -> bool:
    """Whether two tasks ask for the same: a ticket, holders and a priority that were renewed change nothing about the
    work, and neither does how much of it was told."""
    return _bare(one) == _bare(other)


def _bare(task: Task | None) -> Task | None:
    if isinstance(task, Import):
        return msgspec.structs.replace(task, stepped=0)
    if not isinstance(task, Copy):
        return task
    return msgspec.structs.replace(task, ticket="", ticket_expires=None, holders=(), priority="normal", at=None)


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How the latest task of a version or a copy ended; kept for longer than any message about it can be on its way.
    ``at`` is when the hub had asked for it, by the stream's clock."""

    attempt: int
    end: Literal["done", "rejected", "discarded", "withdrawn"]
    failure: Failure | None = None
    at: datetime | None = None


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
    wanted = Import(
        version=event.version,
        saga=saga,
        image=event.image,
        tenant=event.tenant,
        attempt=event.attempt,
        source=event.source,
        mode=event.mode,
        file_type=event.file_type,
        datastore=event.datastore,
        room=event.room,
        expects=event.expects,
        snapshot=event.snapshot,
        plugins=event.plugins,
    )
    return Decision(wanted, closed)  # that it began is told when its turn comes


def source_discarded(event: SourceDiscarded, saga: str) -> Decision:
    """Whatever was under way for the version is to be undone; this is the last word about its source."""
    undone = Discard(version=event.version, saga=saga, given_up=event.given_up)
    return Decision(undone, Closed(attempt=0, end="discarded"))


def source_released(task: Task | None, closed: Closed | None, event: SourceReleased, saga: str) -> Decision:
    """The source may go, unless the version was given up."""
    if isinstance(task, Discard) or (closed is not None and closed.end == "discarded"):
        return Decision(task, closed)
    return Decision(Release(version=event.version, saga=saga, source=event.source), closed)


def begun(task: Task | None, closed: Closed | None, version: str, attempt: int) -> Decision:
    """An import is at work, and nothing is known of its source yet: its beginning, and then a sign of life. While it
    waits for those before it nothing is told, so that the hub can say where it stands (features.md B15)."""
    wanted = isinstance(task, Import) and task.attempt == attempt
    return Decision(task, closed, (SourceStarted(version=version, attempt=attempt),) if wanted else ())


def stepped(task: Task | None, closed: Closed | None, attempt: int, position: int) -> Decision:
    """The import plug-in at ``position`` ran to its end; it is told once, and so are those before it."""
    if not isinstance(task, Import) or task.attempt != attempt or position <= task.stepped:
        return Decision(task, closed)
    return Decision(msgspec.structs.replace(task, stepped=position), closed, _steps(task, position))


def _steps(task: Import, upto: int) -> tuple[Event, ...]:
    """The words about the plug-ins up to a position that this pod ran and did not tell of."""
    return tuple(
        SourceStepped(version=task.version, attempt=task.attempt, step=name, position=position, steps=len(task.plugins))
        for position, name in enumerate(task.plugins, 1)
        if task.stepped < position <= upto and name in AT_POD
    )


def inspected(task: Task | None, closed: Closed | None, event: SourceInspected) -> Decision:
    """An import found its source fit, or is still at work; it is told only while it is the one that is wanted."""
    wanted = isinstance(task, Import) and task.attempt == event.attempt
    return Decision(task, closed, (event,) if wanted else ())


def import_ended(
    task: Task | None, closed: Closed | None, attempt: int, failure: Failure | None, event: Event
) -> Decision:
    """An import came to its end; it counts only if it is still the one that is wanted. Steps of one that succeeded of
    which nothing was told are told before."""
    if not isinstance(task, Import) or task.attempt != attempt:
        return Decision(task, closed)
    end: Literal["done", "rejected"] = "done" if failure is None else "rejected"
    steps = _steps(task, len(task.plugins)) if failure is None else ()
    return Decision(None, Closed(attempt=attempt, end=end, failure=failure), (*steps, event))


def removed(task: Task | None, closed: Closed | None, done: Task, events: tuple[Event, ...] = ()) -> Decision:
    """A discard or a release was carried out; if another word came meanwhile, that one stands."""
    if task != done:
        return Decision(task, closed)
    return Decision(None, closed, events)
