"""What the tests of the runner share: task documents in memory, and work that can be held."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from pods import Pod

from connector import messages, tasks
from connector.admission import Vouched
from connector.copying import Parts
from connector.domain.limits import PodLimits
from connector.domain.tasks import Copy, Task
from connector.failures import Cancel
from connector.limits import LiveLimits
from connector.settings import ConnectorSettings
from connector.tasks import Runner
from connector.transfer.throttle import Throttles
from contracts.limits import Limits
from contracts.views import Progress
from runtime.work import Local


class Desk:
    """Task documents in memory; what is handed back closes the task, as the reactions do."""

    def __init__(self, pod: Pod, **more: Any) -> None:
        self.tasks: dict[str, Task] = {}
        self.outcomes: asyncio.Queue[Local] = asyncio.Queue()
        self.begun: list[messages.ImportBegun] = []
        self.inspected: list[messages.ImportInspected] = []
        self.fail = 0
        self.changes = 0
        keys = {"ticket_key_file": str(pod.hub.public), "manifest_key_file": str(pod.hub.manifest_key)}
        self.settings = ConnectorSettings(data="unused", pod="pod-1", root="unused", **keys, **more)
        self.limits = PodLimits()
        self.said: list[Progress] = []
        self.time = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
        """A Monday."""
        parts = Parts(pod=pod.name, throttles=Throttles(now=lambda: self.time))
        live = LiveLimits(parts.throttles, self.told)
        self.runner = Runner(
            pod.backend,
            self.settings,
            self.wanted,
            self.submit,
            self.said.append,
            self.changed,
            parts,
            live,
            Vouched(pod.hub.manifest_key),
        )

    async def told(self) -> PodLimits:
        return self.limits

    async def wanted(self) -> dict[str, Task]:
        return dict(self.tasks)

    async def submit(self, body: Local, *, saga: str = "") -> None:
        assert saga == "saga"
        if self.fail:
            self.fail -= 1
            raise OSError("the store failed")
        if isinstance(body, messages.ImportBegun):
            self.begun.append(body)
            return
        if isinstance(body, messages.ImportInspected):
            self.inspected.append(body)
            return
        if not isinstance(body, messages.CopyArrived | messages.CopyContinued):
            done = getattr(body, "done", None)
            self.tasks.pop(getattr(body, "copy", None) or getattr(body, "version", None) or _id(done), None)
        await self.outcomes.put(body)

    def changed(self) -> None:
        self.changes += 1

    def want(self, *wanted: Task) -> None:
        for task in wanted:
            self.tasks[_id(task)] = task
        self.runner.wake()

    def limit(self, **limits: Any) -> None:
        """The operator's limits from now on."""
        self.limits = PodLimits(revision=self.limits.revision + 1, limits=Limits(**limits))
        self.runner.wake()

    async def outcome(self) -> Local:
        return await asyncio.wait_for(self.outcomes.get(), 10)


def _id(task: Any) -> str:
    return str(getattr(task, "copy", None) or task.version)


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Desk]:
    work = asyncio.create_task(desk.runner.run())
    try:
        yield desk
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


class Held:
    """Work that goes on until it is let go or cancelled; counts what runs at once."""

    def __init__(self) -> None:
        self.grants: dict[str, Any] = {}
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self.go = threading.Event()
        self.cancelled: list[str] = []
        self.now = self.most = 0
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()

    def __call__(self, backend: object, task: Any, meter: object, cancel: Cancel, *more: object) -> Any:
        self.grants[task.copy] = more[2]
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self._loop.call_soon_threadsafe(self.started.put_nowait, task.copy)
        try:
            while not self.go.wait(0.01):
                if cancel.is_set():
                    self.cancelled.append(task.copy)
                    raise tasks.Cancelled
            raise OSError(5, "Input/output error")
        finally:
            with self._lock:
                self.now -= 1

    async def next(self) -> str:
        return await asyncio.wait_for(self.started.get(), 10)


def copies_on(pod: Pod) -> list[Copy]:
    """Four copies that can be made on ``pod``."""
    made = []
    for number in range(4):
        source = pod.import_task(pod.file(f"disk-{number}", b"x" * (number + 1)))
        made.append(pod.copy_task(source.version, pod.prepare(source).manifest, saga="saga"))
    return made
