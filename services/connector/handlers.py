"""Each message of a connector, around the pure decisions: load the task, decide, keep it, say what follows."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from connector import messages
from connector.domain import copies, tasks
from connector.domain.limits import PodLimits, changed
from connector.domain.tasks import Closed, Decision, Task
from connector.pools import reactions as pools
from connector.reports import HERE as HERE
from connector.reports import INVENTORY as INVENTORY
from connector.reports import on_inventory_requested, on_observed, on_started
from contracts.events import Speaker, from_pods, to_pods
from runtime.service import Definition
from runtime.work import Get, Kind, Message, Reaction, Ref, Work

TASK: Final[Kind[Task]] = Kind("task", Task)
"""What is to be done, by version or copy id; gone when it is done."""
CLOSED: Final[Kind[Closed]] = Kind("closed", Closed)
LIMITS: Final[Kind[PodLimits]] = Kind("limits", PodLimits)
KEPT: Final = timedelta(days=8)
"""A message is in its stream for a day at most; with a margin for a hub that was restored."""

_Decide = Callable[[Task | None, Closed | None, Message[Any]], Decision]


def definition(pod: str) -> Definition:
    """The connector of ``pod`` as a service."""
    return Definition(name=Speaker.CONNECTOR, reactions=reactions(pod), local=messages.LOCAL, pod=pod)


def reactions(pod: str) -> dict[type, Reaction]:
    """How the connector of ``pod`` reacts to each type of message."""
    return {
        to_pods.SourceRequested: _about(
            "version", lambda task, closed, m: tasks.source_requested(task, closed, m.body, pod, m.saga)
        ),
        to_pods.SourceDiscarded: _about("version", lambda _, __, m: tasks.source_discarded(m.body, m.saga)),
        to_pods.SourceReleased: _about(
            "version", lambda task, closed, m: tasks.source_released(task, closed, m.body, m.saga)
        ),
        to_pods.CopyRequested: _about(
            "copy", lambda task, closed, m: copies.requested(task, closed, m.body, m.saga, m.at)
        ),
        to_pods.CopyExtended: _about("copy", lambda task, closed, m: copies.extended(task, closed, m.body)),
        to_pods.CopyPaused: _about("copy", lambda task, closed, m: copies.paused(task, closed, m.body, m.saga, m.at)),
        to_pods.CopyWithdrawn: _about(
            "copy", lambda task, closed, m: copies.withdrawn(task, closed, m.body, m.saga, m.at)
        ),
        messages.ImportDone: _about("version", _import_done),
        messages.ImportBegun: _about(
            "version", lambda task, closed, m: tasks.begun(task, closed, m.body.version, m.body.attempt)
        ),
        messages.ImportStepped: _about(
            "version", lambda task, closed, m: tasks.stepped(task, closed, m.body.attempt, m.body.position)
        ),
        messages.ImportInspected: _about("version", _import_inspected),
        messages.ImportRejected: _about("version", _import_rejected),
        messages.CopyArrived: _about("copy", _copy_arrived),
        messages.CopyDone: _about("copy", _copy_done),
        messages.CopyRejected: _about("copy", _copy_rejected),
        messages.CopyContinued: _about("copy", _copy_continued),
        messages.Corrupted: Reaction(lambda _, __: (), _on_corrupted),
        messages.Removed: Reaction(lambda m, _: _refs(task_id(m.body.done)), _on_removed),
        messages.Released: Reaction(lambda m, _: _refs(task_id(m.body.done)), _on_released),
        messages.Forget: Reaction(lambda m, _: [CLOSED(m.body.id)], _on_forget),
        messages.Started: Reaction(lambda _, __: (), on_started),
        messages.Observed: Reaction(lambda _, __: [INVENTORY(HERE)], on_observed),
        to_pods.InventoryRequested: Reaction(lambda _, __: [INVENTORY(HERE)], on_inventory_requested),
        to_pods.LimitsChanged: Reaction(lambda _, __: [LIMITS(HERE)], _on_limits_changed),
        **pools.reactions(),
    }


def task_id(task: Task) -> str:
    """The document a task is kept in."""
    match task:
        case tasks.Copy() | tasks.Paused() | tasks.Withdraw():
            return task.copy
        case tasks.Import() | tasks.Discard() | tasks.Release():
            return task.version


def _refs(id: str) -> Iterable[Ref]:
    return (TASK(id), CLOSED(id))


def _about(field: str, decide: _Decide) -> Reaction:
    """A message about the task that its ``field`` names."""

    def keys(message: Message[Any], _: Get) -> Iterable[Ref]:
        return _refs(getattr(message.body, field))

    def handle(message: Message[Any], work: Work) -> None:
        id = getattr(message.body, field)
        _apply(work, id, decide(work.get(TASK, id), work.get(CLOSED, id), message))

    return Reaction(keys, handle)


def _apply(work: Work, id: str, decision: Decision) -> None:
    if decision.task != work.get(TASK, id):
        work.put(TASK, id, decision.task)
    if decision.closed is not None and decision.closed != work.get(CLOSED, id):
        work.put(CLOSED, id, decision.closed)
        work.remind(f"forget:{id}", work.message.at + KEPT, messages.Forget(id=id))
    for event in decision.events:
        work.emit(event)


def _import_done(task: Task | None, closed: Closed | None, message: Message[messages.ImportDone]) -> Decision:
    body = message.body
    event = from_pods.SourcePrepared(
        version=body.version,
        attempt=body.attempt,
        manifest=body.manifest,
        datastore=body.datastore,
        warnings=body.warnings,
    )
    return tasks.import_ended(task, closed, body.attempt, None, event)


def _import_inspected(task: Task | None, closed: Closed | None, message: Message[messages.ImportInspected]) -> Decision:
    body = message.body
    event = from_pods.SourceInspected(version=body.version, attempt=body.attempt, size=body.size)
    return tasks.inspected(task, closed, event)


def _import_rejected(task: Task | None, closed: Closed | None, message: Message[messages.ImportRejected]) -> Decision:
    body = message.body
    event = from_pods.SourceRejected(version=body.version, attempt=body.attempt, failure=body.failure)
    return tasks.import_ended(task, closed, body.attempt, body.failure, event)


def _copy_arrived(task: Task | None, closed: Closed | None, message: Message[messages.CopyArrived]) -> Decision:
    body = message.body
    event = from_pods.CopyTransferred(
        copy=body.copy,
        version=body.version,
        attempt=body.attempt,
        digest=body.digest,
        bytes_network=body.bytes_network,
        bytes_reused=body.bytes_reused,
        bytes_from=body.bytes_from,
    )
    return copies.arrived(task, closed, body.attempt, event)


def _copy_done(task: Task | None, closed: Closed | None, message: Message[messages.CopyDone]) -> Decision:
    body = message.body
    event = from_pods.CopyFinalised(
        copy=body.copy,
        version=body.version,
        attempt=body.attempt,
        digest=body.digest,
        item=body.version,
        datastore=body.datastore,
        files=body.files,
        bytes_network=body.bytes_network,
        bytes_reused=body.bytes_reused,
        bytes_from=body.bytes_from,
    )
    return copies.ended(task, closed, body.attempt, None, event)


def _copy_rejected(task: Task | None, closed: Closed | None, message: Message[messages.CopyRejected]) -> Decision:
    body = message.body
    event = from_pods.CopyRejected(copy=body.copy, version=body.version, attempt=body.attempt, failure=body.failure)
    return copies.ended(task, closed, body.attempt, body.failure, event)


def _copy_continued(task: Task | None, closed: Closed | None, message: Message[messages.CopyContinued]) -> Decision:
    body = message.body
    event = from_pods.CopyContinued(copy=body.copy, version=body.version, attempt=body.attempt)
    return copies.continues(task, closed, body.attempt, event)


def _on_corrupted(message: Message[messages.Corrupted], work: Work) -> None:
    """One word for each copy that the item stands for; the hub knows which of them it still counts on."""
    body = message.body
    for copy in body.copies:
        work.emit(
            from_pods.CopyCorrupted(
                copy=copy, version=body.version, digest=body.digest, chunks=body.chunks, failure=body.failure
            )
        )


def _on_removed(message: Message[messages.Removed], work: Work) -> None:
    done = message.body.done
    id = task_id(done)
    task, closed = work.get(TASK, id), work.get(CLOSED, id)
    match done:
        case tasks.Withdraw():
            _apply(work, id, copies.dropped(task, closed, done))
        case tasks.Discard():
            _apply(work, id, tasks.removed(task, closed, done))


def _on_released(message: Message[messages.Released], work: Work) -> None:
    done, kept = message.body.done, message.body.kept
    id, version = task_id(done), done.version
    event = from_pods.SourceKept(version=version, why=kept) if kept else from_pods.SourceDeleted(version=version)
    _apply(work, id, tasks.removed(work.get(TASK, id), work.get(CLOSED, id), done, (event,)))


def _on_forget(message: Message[messages.Forget], work: Work) -> None:
    work.put(CLOSED, message.body.id, None)


def _on_limits_changed(message: Message[to_pods.LimitsChanged], work: Work) -> None:
    """Keep the limits for this start and the next; the runner looks after each commit and puts them in force."""
    known = work.get(LIMITS, HERE) or PodLimits()
    now = changed(known, message.body)
    if now is not known:
        work.put(LIMITS, HERE, now)
