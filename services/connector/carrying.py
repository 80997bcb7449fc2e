"""Carrying one task out, in a thread: what it comes to is a message, a failure too."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from connector import messages
from connector.backends.base import Backend
from connector.copying import LiveGrant, Parts, make
from connector.domain.tasks import Copy, Discard, Import, Paused, Release, Task, Withdraw
from connector.failures import Cancel, Cancelled, failure_of
from connector.importing import prepare
from connector.progress import Meter
from connector.removing import discard, release, withdraw
from contracts.errors import Failure
from contracts.events.from_pods import FileDigest
from contracts.manifest import Manifest
from runtime.work import Local

log = structlog.get_logger()


@dataclass
class Underway:
    """A task that is carried out, and what reaches it meanwhile. ``spoken_for`` are the datastores that the hub named
    for other copies of the version."""

    task: Task
    meter: Meter
    grant: LiveGrant | None
    spoken_for: frozenset[str] = frozenset()
    cancel: Cancel = field(default_factory=Cancel)
    size: int | None = None
    """Of an import: bytes of its source's disk files, once it was inspected."""


class Carrying:
    """``vouched`` raises Refused when the hub did not vouch for the content of a version: then no byte of it moves.
    ``tell`` takes a message (and its saga) about work that goes on."""

    def __init__(
        self,
        backend: Backend,
        max_virtual_size: int,
        parts: Parts,
        vouched: Callable[[str, Manifest], None],
        tell: Callable[[Local, str], None],
    ) -> None:
        self._backend = backend
        self._max_virtual_size = max_virtual_size
        self._parts = parts
        self._vouched = vouched
        self._tell = tell

    def work(self, id: str, task: Task, underway: Underway) -> Local:
        """In a thread: do it, and make a message of the outcome.

        Raises:
            Cancelled: it was stopped.
            Exception: a removal failed, and is to be tried again.
        """
        with structlog.contextvars.bound_contextvars(task=id, version=task.version, saga=task.saga):
            match task:
                case Import():
                    return self._import(task, underway)
                case Copy():
                    return self._copy(task, underway)
                case Discard():
                    discard(self._backend, task)
                    return messages.Removed(done=task)
                case Withdraw():
                    withdraw(self._backend, task)
                    return messages.Removed(done=task)
                case Paused():
                    raise Cancelled
                case Release():
                    return messages.Released(done=task, kept=release(self._backend, task))

    def _import(self, task: Import, underway: Underway) -> Local:
        def inspected(size: int) -> None:
            underway.size = size
            self._tell(inspection(task, size), task.saga)

        def stepped(position: int) -> None:
            body = messages.ImportStepped(version=task.version, attempt=task.attempt, position=position)
            self._tell(body, task.saga)

        most, meter, cancel = self._max_virtual_size, underway.meter, underway.cancel
        try:
            made = prepare(self._backend, task, most, meter, cancel, inspected, stepped)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - every failure becomes a refusal that the user sees
            failure = _failure(error, "import")
            discard(self._backend, Discard(version=task.version, saga=task.saga, given_up=True))
            return messages.ImportRejected(version=task.version, attempt=task.attempt, failure=failure)
        log.info("import_done", size=made.manifest.size, datastore=made.datastore)
        return messages.ImportDone(
            version=task.version,
            attempt=task.attempt,
            manifest=made.manifest,
            datastore=made.datastore,
            warnings=made.warnings,
        )

    def _copy(self, task: Copy, underway: Underway) -> Local:
        try:
            self._vouched(task.version, task.manifest)
            made = make(
                self._backend,
                task,
                underway.meter,
                underway.cancel,
                lambda meter: self._arrived(task, meter),
                self._parts,
                underway.grant,
                underway.spoken_for,
            )
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - as for imports
            failure = _failure(error, "copy")
            if not failure.retry:
                self._backend.abandon(task.version, replica=task.replica)
            return messages.CopyRejected(copy=task.copy, version=task.version, attempt=task.attempt, failure=failure)
        log.info("copy_done", network=made.network, reused=made.reused, datastore=made.placed.datastore)
        manifest = made.placed.item.manifest
        return messages.CopyDone(
            copy=task.copy,
            version=task.version,
            attempt=task.attempt,
            digest=manifest.digest,
            datastore=made.placed.datastore,
            files=tuple(
                FileDigest(lun=disk.lun, format=disk.format, size=disk.size, root=disk.root) for disk in manifest.disks
            ),
            bytes_network=made.network,
            bytes_reused=made.reused,
            bytes_from=made.served,
        )

    def _arrived(self, task: Copy, meter: Meter) -> None:
        """From a thread; nobody waits for it, finalising goes on meanwhile."""
        body = messages.CopyArrived(
            copy=task.copy,
            version=task.version,
            attempt=task.attempt,
            digest=task.manifest.digest,
            bytes_network=meter.network,
            bytes_reused=meter.reused,
            bytes_from=meter.network_from,
        )
        self._tell(body, task.saga)


def heartbeat(task: Import, size: int | None) -> Local:
    """The word that an import goes on: without a ``size`` its source did not pass the gate yet."""
    return messages.ImportBegun(version=task.version, attempt=task.attempt) if size is None else inspection(task, size)


def inspection(task: Import, size: int) -> Local:
    """The word that the source of an import passed the gate, and its heartbeat from then on."""
    return messages.ImportInspected(version=task.version, attempt=task.attempt, size=size)


def _failure(error: Exception, step: str) -> Failure:
    failure = failure_of(error, step)
    if failure.code == "internal":
        log.error("unexpected_error", step=step, exc_info=error)
    else:
        log.warning("refused", code=failure.code, step=failure.step, text=failure.text)
    return failure
