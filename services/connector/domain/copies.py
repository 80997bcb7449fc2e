"""What a connector is to do for a copy, decided from the hub's words about it, in whatever order they come.

A word is *late* when a newer one was heard before it. Newer is the higher attempt, and whatever the stream stored
later: one service speaks about copies and the stream keeps its order. So a message that is delivered late changes
nothing, and a hub whose database was restored, so that its attempts begin lower than those it had reached, is obeyed
all the same.
"""

from datetime import datetime

import msgspec

from connector.domain.tasks import Closed, Copy, Decision, Paused, Task, Withdraw
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.from_pods import CopyDropped
from contracts.events.to_pods import CopyExtended, CopyPaused, CopyRequested, CopyWithdrawn


def requested(task: Task | None, closed: Closed | None, event: CopyRequested, saga: str, at: datetime) -> Decision:
    """A copy begins, goes on or is resumed; the attempt under way gets its ticket and its priority renewed."""
    same = Decision(task, closed)
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
        replica=event.replica,
        priority=event.priority,
        shallow=event.shallow,
        capabilities=event.capabilities,
        gpu_types=event.gpu_types,
        at=at,
    )
    if isinstance(task, Copy):
        if task.attempt == event.attempt:
            return Decision(_prioritised(_renewed(task, event), event, at), closed)
        return same if _late(task, event.attempt, at) else Decision(begun, closed)
    if isinstance(task, Paused | Withdraw) and _late(task, event.attempt, at, again=True):
        return same
    # The same attempt again after it was done or rejected: the word about its end may have been missed, and doing it
    # again finds the item in the library, or tries once more.
    if closed is not None and _late(closed, event.attempt, at, again=closed.end == "withdrawn"):
        return same
    return Decision(begun, closed)


def extended(task: Task | None, closed: Closed | None, event: CopyExtended) -> Decision:
    """The attempt under way goes on with another ticket, and with the holders of now."""
    return Decision(_renewed(task, event) if isinstance(task, Copy) else task, closed)


def continues(task: Task | None, closed: Closed | None, attempt: int, event: Event) -> Decision:
    """The ticket of a copy ends soon; if the copy is still wanted, another is asked for."""
    wanted = isinstance(task, Copy) and task.attempt == attempt
    return Decision(task, closed, (event,) if wanted else ())


def paused(task: Task | None, closed: Closed | None, event: CopyPaused, saga: str, at: datetime) -> Decision:
    """The attempt stops and keeps what it verified; nothing is said. What is done or withdrawn cannot be paused."""
    same = Decision(task, closed)
    if isinstance(task, Copy | Paused) and _late(task, event.attempt, at):
        return same
    if isinstance(task, Withdraw) and _late(task, event.attempt, at, again=True):
        return same
    ended = closed is not None and closed.end in ("done", "withdrawn")
    if closed is not None and _late(closed, event.attempt, at, again=ended):
        return same
    if closed is not None and ended and closed.attempt == event.attempt:
        return same
    return Decision(Paused(version=event.version, saga=saga, copy=event.copy, attempt=event.attempt, at=at), closed)


def withdrawn(task: Task | None, closed: Closed | None, event: CopyWithdrawn, saga: str, at: datetime) -> Decision:
    """The copy goes, again for each withdrawal: the hub may have missed what was said to an earlier one."""
    if isinstance(task, Copy | Paused) and _late(task, event.attempt, at):
        return Decision(task, closed)
    if closed is not None and _late(closed, event.attempt, at):
        return Decision(task, closed)
    gone = Withdraw(version=event.version, saga=saga, copy=event.copy, attempt=event.attempt, at=at)
    return Decision(gone, Closed(attempt=event.attempt, end="withdrawn", at=at))


def arrived(task: Task | None, closed: Closed | None, attempt: int, event: Event) -> Decision:
    """All bytes of a copy are here."""
    said = isinstance(task, Copy) and task.attempt == attempt
    return Decision(task, closed, (event,) if said else ())


def ended(task: Task | None, closed: Closed | None, attempt: int, failure: Failure | None, event: Event) -> Decision:
    """A copy came to its end; it counts only if it is still the one that is wanted."""
    if not isinstance(task, Copy) or task.attempt != attempt:
        return Decision(task, closed)
    end = Closed(attempt=attempt, end="done" if failure is None else "rejected", failure=failure, at=task.at)
    return Decision(None, end, (event,))


def dropped(task: Task | None, closed: Closed | None, done: Withdraw) -> Decision:
    """A withdrawal was carried out; if another word came meanwhile, that one stands and is answered in its turn."""
    if task != done:
        return Decision(task, closed)
    event = CopyDropped(copy=done.copy, version=done.version, attempt=done.attempt)
    return Decision(None, closed, (event,))


def _late(known: Copy | Paused | Withdraw | Closed, attempt: int, at: datetime, *, again: bool = False) -> bool:
    """Whether a word about ``attempt``, stored at ``at``, is older than what is known.

    ``again``: one about the same attempt is late too, unless it was said after what is known.
    """
    if known.at is not None and at > known.at:
        return False
    return known.attempt > attempt or (again and known.attempt == attempt)


def _renewed(task: Copy, event: CopyRequested | CopyExtended) -> Copy:
    """``task`` with the ticket and the holders of ``event``, if that is about the same attempt and lasts longer."""
    ends, now = event.ticket_expires, task.ticket_expires
    if task.attempt != event.attempt or ends is None or (now is not None and ends <= now):
        return task
    return msgspec.structs.replace(task, ticket=event.ticket, ticket_expires=ends, holders=event.holders)


def _prioritised(task: Copy, event: CopyRequested, at: datetime) -> Copy:
    """``task`` with the priority that was told last; one that differs in nothing stays the object that it is."""
    if task.at is not None and at <= task.at:
        return task
    return msgspec.structs.replace(task, priority=event.priority, at=at)
