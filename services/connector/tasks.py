"""Carrying tasks out: each in a thread, outside the handlers, begun again after a crash from what lies on the disk.

The documents say what is to be done, this runner makes it so: it starts what is not running, stops what is not wanted
any more, and hands the outcome back as a message whose reaction ends the task and tells the hub, in one transaction. A
process that dies anywhere in between finds the task still there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from connector import messages
from connector.backends.base import Backend
from connector.carrying import Carrying, Underway, heartbeat
from connector.copying import LiveGrant, Parts
from connector.domain.tasks import Copy, Discard, Import, Paused, Release, Task, Withdraw, same_work
from connector.failures import Cancelled
from connector.limits import LiveLimits
from connector.progress import Meter, waiting
from connector.renewal import Renewals
from connector.settings import ConnectorSettings
from contracts.manifest import Manifest
from contracts.terms import URGENCY
from contracts.views import Progress
from runtime.crash import crash_at
from runtime.work import Local

AGAIN: Final = (1.0, 5.0, 20.0, 60.0, 300.0)
"""Seconds before work that could not be handed back, or a removal that failed, is tried again."""
HOURS: Final = 10.0
"""Seconds between two looks at the clock while there are copies and hours for them."""
MOST_COPIES: Final = 64
"""Copies at a time that the operator's limits may allow; threads are made as they are needed."""

log = structlog.get_logger()


class Submit(Protocol):
    """Hand a message to the connector's own reactions; returns after the commit."""

    def __call__(self, body: Local, *, saga: str = "") -> Awaitable[None]: ...


@dataclass
class _Running(Underway):
    thread: asyncio.Task[None] = field(init=False)


class Runner:
    """Keeps the work under way in step with the task documents and the operator's limits. `wake` after each commit;
    `run` is one task.

    ``vouched`` raises Refused when the hub did not vouch for the content of a version: then no byte of it moves.
    """

    def __init__(
        self,
        backend: Backend,
        settings: ConnectorSettings,
        wanted: Callable[[], Awaitable[dict[str, Task]]],
        submit: Submit,
        say: Callable[[Progress], None],
        changed: Callable[[], None],
        parts: Parts,
        limits: LiveLimits,
        vouched: Callable[[str, Manifest], None],
    ) -> None:
        self.limits = limits
        self._backend = backend
        self._settings = settings
        self._carrying = Carrying(backend, settings.max_virtual_size, parts, vouched, self._tell)
        self._wanted = wanted
        self._submit = submit
        self._say = say
        self._changed = changed
        self._running: dict[str, _Running] = {}
        self._failures: dict[str, int] = {}
        self._later: set[str] = set()
        self._renewals = Renewals()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(MOST_COPIES + settings.imports + 2, thread_name_prefix="task")

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._running)

    def at_work(self, id: str) -> bool:
        """Whether this task is being carried out, and does not only wait for its turn."""
        return id in self._running

    def wake(self) -> None:
        """Look at the tasks again."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled: then everything is stopped, and stays on disk for the next start."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._stop)
            tasks = await self._wanted()
            await self.limits.refresh()
            await asyncio.to_thread(self._backend.sweep, sorted({task.version for task in tasks.values()}))
            self.wake()
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    tasks = await self._wanted()
                    await self.limits.refresh()
                except Exception as error:
                    log.exception("tasks_unreadable", error=repr(error))
                    self._loop.call_later(AGAIN[0], self.wake)
                    continue
                for id, running in self._running.items():
                    self._compare(running, tasks.get(id))
                for id, task in sorted(tasks.items(), key=_order):
                    if self._may_start(id, task, tasks):
                        self._start(id, task, tasks)
                await self._look_ahead({id: task for id, task in tasks.items() if isinstance(task, Copy)})

    def _compare(self, running: _Running, task: Task | None) -> None:
        """Stop what is not wanted any more; what is goes on, with the ticket and the holders of now."""
        if task is None or not same_work(task, running.task):
            running.cancel.set()
        elif isinstance(task, Copy) and running.grant is not None and running.task != task:
            running.grant.replace(task.ticket, task.holders)
            running.task = task

    async def _look_ahead(self, copies: Mapping[str, Copy]) -> None:
        """Ask for tickets that end soon, tell which copies wait for their hours, and wake up when that may change."""
        due, later = self._renewals.due(copies.values())
        for copy in due:
            body = messages.CopyContinued(copy=copy.copy, version=copy.version, attempt=copy.attempt)
            try:
                await self._submit(body, saga=copy.saga)
            except Exception as error:
                log.exception("ticket_not_asked_for", task=copy.copy, error=repr(error))  # asked again in a while
        if copies and self.limits.current.windows:
            later = min(HOURS, later if later is not None else HOURS)
        for id, copy in copies.items():
            running = self._running.get(id)
            if running is None and not self.limits.open:
                self._say(waiting(id, copy.version, copy.manifest))
            elif running is not None:
                (running.meter.resume if self.limits.open else running.meter.hold)()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if later is None else self._loop.call_later(max(later, 0.0), self.wake)

    async def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        for running in self._running.values():
            running.cancel.set()
        if self._running:
            await asyncio.wait([running.thread for running in self._running.values()])
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _may_start(self, id: str, task: Task, tasks: Mapping[str, Task]) -> bool:
        if id in self._running or id in self._later:
            return False
        others = [running.task for running in self._running.values()]
        if any(other.version == task.version and not _apart(task, other) for other in others):
            return False  # they would work on the same folder
        match task:
            case Import():
                if any(isinstance(other, Discard | Release) and key not in self._later for key, other in tasks.items()):
                    return False  # it may want the VM that an import which was given up has still locked
                return sum(isinstance(other, Import) for other in others) < self._settings.imports
            case Copy():
                most = self.limits.current.copies or self._settings.copies
                return self.limits.open and sum(isinstance(other, Copy) for other in others) < most
            case Discard() | Release() | Withdraw():
                return True
            case Paused():
                return False

    def _start(self, id: str, task: Task, tasks: Mapping[str, Task]) -> None:
        grant = LiveGrant(task.ticket, task.holders) if isinstance(task, Copy) else None
        spoken_for = frozenset(
            other.datastore
            for key, other in tasks.items()
            if isinstance(other, Copy) and key != id and other.version == task.version and other.datastore is not None
        )
        running = self._running[id] = _Running(task, Meter(id, task.version, self._say), grant, spoken_for)
        running.thread = asyncio.create_task(self._perform(id, task, running), name=f"task {id}")

    async def _perform(self, id: str, task: Task, running: _Running) -> None:
        beats = asyncio.create_task(self._beat(task, running)) if isinstance(task, Import) else None
        try:
            outcome = await self._loop.run_in_executor(self._pool, self._carrying.work, id, task, running)
            await self._submit(outcome, saga=task.saga)
            crash_at("task.done")
        except Cancelled:
            log.info("task_stopped", task=id)
        except Exception:
            failures = self._failures.get(id, 0)
            delay = AGAIN[min(failures, len(AGAIN) - 1)]
            log.exception("task_failed", task=id, again_in=delay)
            self._failures[id] = failures + 1
            self._later.add(id)
            self._loop.call_later(delay, self._again, id)
        else:
            self._failures.pop(id, None)
        finally:
            if beats is not None:
                beats.cancel()
            del self._running[id]
            self.wake()
            self._changed()

    async def _beat(self, task: Import, running: _Running) -> None:
        """Say that an import begins, and now and then that it goes on."""
        word = heartbeat(task, None)
        while True:
            try:
                await self._submit(word, saga=task.saga)
            except Exception as error:  # noqa: BLE001 - the next one may be told
                log.warning("heartbeat_not_told", task=task.version, error=repr(error))
            await asyncio.sleep(self._settings.heartbeat)
            word = heartbeat(task, running.size)

    def _again(self, id: str) -> None:
        self._later.discard(id)
        self.wake()

    def _tell(self, body: Local, saga: str) -> None:
        """From a thread; nobody waits for it, the work goes on meanwhile."""

        async def tell() -> None:
            await self._submit(body, saga=saga)

        asyncio.run_coroutine_threadsafe(tell(), self._loop).add_done_callback(_say_untold)


def _apart(task: Task, other: Task) -> bool:
    """Whether ``task`` may begin while ``other``, of the same version, is under way: taking back one replica does not
    wait until another has its bytes."""
    return isinstance(task, Withdraw) and isinstance(other, Copy) and other.copy != task.copy


def _order(entry: tuple[str, Task]) -> tuple[int, float, str]:
    """Which task starts first among those that wait: what gives space back, then by priority, then by age."""
    id, task = entry
    if not isinstance(task, Copy):
        return -1, 0.0, id
    return URGENCY[task.priority], task.at.timestamp() if task.at is not None else 0.0, id


def _say_untold(told: Future[None]) -> None:
    if not told.cancelled() and (error := told.exception()) is not None:
        log.warning("arrival_not_told", error=repr(error))
