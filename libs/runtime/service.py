"""A service at run time: one exit stack, entered by ``__main__``, by the gateway's lifespan and by the tests alike.

Opened in this order and closed in reverse: lease, store, NATS connection, topology check, relay, consumers, then the
broker for requests on a connection of its own. So requests finish first, consumers finish their batch and hand back
the rest, the relay flushes (one shared connection would stop in the wrong order).
"""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import uvloop
from nats.aio.client import Client

from contracts.events import Speaker
from contracts.requests import Request
from contracts.topology import DAY, durables
from runtime import backlog, logs, recovery, topology
from runtime import health as health_door
from runtime.audit import Audit
from runtime.connection import Refusals, connect
from runtime.consumer import Consumer
from runtime.deadlines import Deadlines
from runtime.health import STUCK, Health
from runtime.lease import LeaseHeldError, lease
from runtime.migrations import MigrationError
from runtime.processor import Processor
from runtime.relay import Relay
from runtime.requests import Query, Responder, broker
from runtime.settings import Settings
from runtime.store import Reader, Store
from runtime.work import Reaction

KEEP = 8 * DAY
"""Seconds for which seen ids and sent events are kept: one day longer than the longest stream."""
FLUSH = 5.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Definition:
    """What makes a service itself: everything else is the same for all."""

    name: Speaker
    reactions: Mapping[type, Reaction]
    local: Any = None
    """The union of its `Local` messages."""
    queries: Mapping[type[Request], Query] = field(default_factory=dict)
    migrations: Path | None = None
    pod: str | None = None
    """The pod that a connector speaks for."""

    @property
    def label(self) -> str:
        """``catalog``, or ``connector-pod-1``."""
        return str(self.name) if self.pod is None else f"{self.name}-{self.pod}"


@dataclass(frozen=True)
class Service:
    """A running service."""

    settings: Settings
    store: Store
    nats: Client
    processor: Processor
    health: Health

    @property
    def reader(self) -> Reader:
        return self.store.reader

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each committed batch."""
        self.processor.on_commit(lambda _, __: listener())


@asynccontextmanager
async def task(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Run ``work`` beside the block and cancel it at its end; an error in it is raised there."""
    running = asyncio.create_task(work, name=name)
    running.add_done_callback(_say_death)
    try:
        yield running
    finally:
        # A cancel that meets a result is swallowed by `wait_for` in Python 3.11: ask until it has ended.
        while not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=1.0)
        if not running.cancelled():
            running.result()


def _say_death(done: asyncio.Task[None]) -> None:
    if not done.cancelled() and done.exception() is not None:
        log.error("task_died", task=done.get_name(), error=repr(done.exception()))


@asynccontextmanager
async def service(definition: Definition, settings: Settings) -> AsyncIterator[Service]:
    """Run a service while the block runs.

    Raises:
        LeaseHeldError: another process runs it on this data folder.
        MigrationError: its database does not fit this code.
        TopologyError: the server lacks streams.
    """
    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        stack.enter_context(lease(folder / "lease"))
        folders = [] if definition.migrations is None else [definition.migrations]
        database = folder / f"{definition.name}.sqlite"
        store = await stack.enter_async_context(Store.open(database, *folders, pod=definition.pod))
        refusals = Refusals()
        client = await stack.enter_async_context(connect(settings, definition.label, refusals))
        if definition.pod is None:
            await topology.check(client)
            await recovery.recover(client, store, durables(definition.name))
        health = Health()
        processor = Processor(store, definition.reactions)
        found = Service(settings, store, client, processor, health)
        stack.push_async_callback(_drain, client)

        relay = Relay(client, store, definition.label)
        processor.sent, processor.kept = relay.sent, relay.kept
        processor.on_commit(relay.committed)
        await relay.start()
        await _background(stack, health, relay.run, "relay")
        audit = Audit(client, store, relay, looks=definition.pod is None)
        await _background(stack, health, audit.run, "audit")
        stack.push_async_callback(relay.flush, FLUSH)

        deadlines = Deadlines(store, processor, definition.local)
        consumers = [
            Consumer(client, durable, processor, recreate=definition.pod is None)
            for durable in durables(definition.name, definition.pod)
        ]
        for consumer in consumers:
            stack.push_async_callback(consumer.hand_back)
            health.add(lambda consumer=consumer: consumer.reason)  # type: ignore[misc]
        processing = await _background(stack, health, processor.run, "processor")
        stack.push_async_callback(_finish, processor, processing)

        async def keep_deadlines() -> None:
            if definition.pod is None:
                await backlog.heard(client, durables(definition.name))
            await deadlines.run()

        await _background(stack, health, keep_deadlines, "deadlines")
        await _background(stack, health, lambda: _purge(store), "purge")
        for consumer in consumers:
            await consumer.start()
            await _background(stack, health, consumer.answer, "acknowledgements")
            await _background(stack, health, consumer.guard, "guard")
            stack.push_async_callback(consumer.stop)

        health.add(lambda: "" if client.is_connected else "not connected to NATS")
        health.add(lambda: refusals.reason)
        health.add(lambda: processor.reason)
        health.add(lambda: f"the relay is stuck: {relay.reason}" if relay.stuck_for > STUCK else "")
        await stack.enter_async_context(health_door.listen(health, settings.health_host, settings.health_port))
        if definition.queries or definition.pod is None:
            responder = Responder(str(definition.name), processor, store.reader, health, definition.queries)
            door = broker(settings, str(definition.name), responder, refusals)
            await door.start()
            stack.push_async_callback(door.stop)
        log.info("service_ready")
        yield found
        log.info("service_stops")


async def kept(
    work: Callable[[], Coroutine[Any, Any, None]], name: str, note: Callable[[str], None] = lambda _: None
) -> None:
    """Run ``work()``, and again whenever it fails: a part that dies for good would leave a service half alive."""
    while True:
        try:
            await work()
        except Exception as error:
            log.exception("task_failed", task=name, error=repr(error))
            note(f"{name} failed: {error!r}")
            await asyncio.sleep(1.0)
        else:
            return


async def _background(
    stack: AsyncExitStack, health: Health, work: Callable[[], Coroutine[Any, Any, None]], name: str
) -> asyncio.Task[None]:
    """Keep a part of the service running; while it fails, the service is not ready and says why."""
    failed: tuple[float, str] = (0.0, "")

    def note(text: str) -> None:
        nonlocal failed
        failed = (time.monotonic(), text)

    health.add(lambda: failed[1] if time.monotonic() - failed[0] < STUCK else "")
    return await stack.enter_async_context(task(kept(work, name, note), name))


async def _finish(processor: Processor, processing: asyncio.Task[None]) -> None:
    processor.stop()
    await processing


async def _drain(client: Client) -> None:
    """Let what was published leave this process."""
    if client.is_connected:
        with suppress(TimeoutError):
            await client.flush(timeout=2)


async def _purge(store: Store) -> None:
    while True:
        await asyncio.sleep(600)
        await store.purge(time.time(), KEEP)


async def main(definition: Definition, settings: Settings, *extra: Callable[[Service], Any]) -> None:
    """Run a service until SIGTERM or SIGINT. ``extra`` are context managers around the running service.

    A signal that comes while it still starts, as while it waits for NATS, ends the start.
    """
    stop = asyncio.Event()
    starting: asyncio.Task[Any] | None = asyncio.current_task()

    def end() -> None:
        stop.set()
        if starting is not None:
            starting.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(service(definition, settings))
            for enter in extra:
                await stack.enter_async_context(enter(running))
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
            log.info("stopped_while_starting")
            return
        starting = None
        await stop.wait()


def tune_collector() -> None:
    """Let the garbage collector leave alone what was imported, and look less often at what is made.

    A batch makes thousands of objects without a cycle among them: at the default thresholds the collector's looks at
    them cost a tenth of the transaction layer's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def run(definition: Definition, settings: Settings, *extra: Callable[[Service], Any]) -> None:
    """`main` as a process: logging, uvloop, and an exit code with one line where it cannot start."""
    bound = {"service": str(definition.name)}
    if definition.pod is not None:
        bound["pod"] = definition.pod
    logs.configure(settings, bound)
    tune_collector()
    try:
        uvloop.run(main(definition, settings, *extra))
    except (LeaseHeldError, MigrationError, topology.TopologyError) as error:
        log.critical("cannot_start", error=str(error))
        sys.exit(1)
