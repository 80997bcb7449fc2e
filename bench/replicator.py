"""``./dev bench replicator``: 2,000 pods and 500 versions, a million copies, in one real process (R1 to R5).

The pods are played from here: what they say is published as their connectors would say it. The slots are wide open, so
that the service is measured and not the pace of pods.
"""

import argparse
import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from bench import million
from bench.control import raw_hop
from bench.million import Fleet
from bench.processes import Running, module, nats_server
from bench.report import RESULTS, Figure, median, percentile, write
from contracts import codec
from contracts.errors import Problem
from contracts.events import Event, from_pods, hub
from contracts.inventory import root_of, section_of
from contracts.names import copy_id
from contracts.requests import Actor, GetMetrics, GetPlacement, ListCopies, ListPods, Request
from contracts.topology import subject
from runtime.ids import new_id
from runtime.requests import Requests
from runtime.settings import Settings
from runtime.topology import apply

ACTOR = Actor(tenant="default", name="bench", roles=("operator", "owner"))
WINDOW = 1024
CHANGED = 100
"""Pods of which a section of the inventory changed in the minute that R2 looks at."""
TOGETHER = 5
"""Publishes whose copies report at the same time (R4)."""


class Bench:
    """A running replicator over a database of a million copies, and a client that plays catalog and pods."""

    def __init__(self, fleet: Fleet, client: Client, requests: Requests, replicator: Running) -> None:
        self.fleet = fleet
        self.client = client
        self.requests = requests
        self.replicator = replicator
        self._inbox = client.new_inbox()
        self._free = asyncio.Semaphore(WINDOW)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, url: str, fleet: Fleet) -> "AsyncIterator[Bench]":
        """Start the replicator and wait until it answers."""
        wide = {name: str(value) for name, value in million.WIDE.items()}
        wide |= {"guard_seconds": "3600", "log_level": "warning"}
        replicator = module("replicator", folder, data=str(folder / "replicator"), nats_url=url, **wide)
        client = await nats.connect(url, pending_size=64 * 2**20)
        try:
            async with Requests.connect(Settings(data=str(folder), nats_url=url), "bench") as requests:
                bench = cls(fleet, client, requests, replicator)
                await client.subscribe(f"{bench._inbox}.*", cb=bench._acknowledged, pending_msgs_limit=-1)
                await bench.until(lambda: bench.answer(ListPods(actor=ACTOR, limit=1)), 300)
                yield bench
        finally:
            await client.close()
            replicator.stop()

    async def _acknowledged(self, message: Any) -> None:
        if b'"error"' in message.data:
            raise RuntimeError(message.data.decode())
        self._free.release()

    async def say(self, said: Iterable[tuple[str | None, Event]]) -> None:
        """Publish events (of a pod, or of the catalog), and return once the server has them all."""
        now = datetime.now(UTC)
        for n, (pod, event) in enumerate(said):
            await self._free.acquire()
            speaker = "catalog" if pod is None else f"pod:{pod}"
            headers = codec.headers(type(event), id=new_id(), at=now, speaker=speaker, saga="", cause="")
            where = subject(event, pod)
            await self.client.publish(where, codec.encode(event), reply=f"{self._inbox}.{n}", headers=headers)
        for _ in range(WINDOW):
            await self._free.acquire()
        for _ in range(WINDOW):
            self._free.release()

    async def answer(self, request: Request) -> Any:
        """The answer to a query; None while there is none."""
        found = await self.requests.ask(request, timeout=60)
        return None if isinstance(found, Problem) else found

    async def until(self, condition: Callable[[], Any], timeout: float = 120) -> Any:
        """The first true answer of ``condition``, a coroutine function."""
        async with asyncio.timeout(timeout):
            while True:
                answer = await condition()
                if answer:
                    return answer
                await asyncio.sleep(0.02)

    async def idle(self) -> bool:
        """Whether everything was taken in."""
        js = self.client.jetstream()
        for stream in ("EVENTS", "FROM_PODS"):
            info = await js.consumer_info(stream, "replicator")
            if info.num_pending or info.num_ack_pending:
                return False
        return True

    async def count(self, heard: str, number: int, work: Callable[[], Any]) -> float:
        """Seconds from the begin of ``work`` until ``heard`` was said ``number`` times."""
        left = number
        ended = asyncio.Event()

        async def one(_: Any) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                ended.set()

        subscription = await self.client.subscribe(heard, cb=one, pending_msgs_limit=-1)
        await self.client.flush()
        start = time.perf_counter()
        await work()
        async with asyncio.timeout(300):
            await ended.wait()
        took = time.perf_counter() - start
        await subscription.unsubscribe()
        return took

    # --- the measures -----------------------------------------------------------------------------------------------

    async def plan(self) -> tuple[hub.VersionPublishRequested, float]:
        """Publish a fresh version to every pod: the word, and the seconds until its last copy was planned and said."""
        asked = million.published(new_id(), new_id(), self.fleet.pods[0])
        pods = len(self.fleet.pods)
        return asked, await self.count("event.copy.planned.*", pods, lambda: self.say([(None, asked)]))

    async def cancel(self, asked: hub.VersionPublishRequested) -> float:
        """Seconds until every copy of a publish under way was cancelled and said to be."""
        word = hub.VersionCancelRequested(
            version=asked.version, image=asked.image, number="1.0.0", tenant="default", publication=1, revision=2
        )
        pods = len(self.fleet.pods)
        return await self.count("event.copy.cancelled.*", pods, lambda: self.say([(None, word)]))

    async def minute(self) -> tuple[float, float]:
        """A minute's heartbeats, and inventories where something changed: CPU seconds of the replicator, and those of
        the heartbeats alone."""
        known = root_of(million.EMPTY)
        await self.until(self.idle)
        start = self.replicator.cpu()
        await self.say((pod, million.reported(pod, known)) for pod in self.fleet.pods)
        await self.until(self.idle)
        beats = self.replicator.cpu() - start
        changed = {pod: self._changed(n) for n, pod in enumerate(self.fleet.pods[:CHANGED])}
        await self.say((pod, million.reported(pod, one.root)) for pod, one in changed.items())
        await self.say(changed.items())
        await self.until(self.idle)
        await asyncio.sleep(0.5)  # comparisons are reminders of the service to itself
        return self.replicator.cpu() - start, beats

    def _changed(self, number: int) -> from_pods.InventoryReported:
        """A section that lacks nothing, with another digest than the last time."""
        section = section_of(self.fleet.versions[number % len(self.fleet.versions)])
        digest = million.manifest(self.fleet.versions[0], self.fleet.pods[0]).digest
        items = tuple(
            from_pods.LibraryItem(
                version=version, datastore="default", digest=digest, size=million.SIZE, source=number == 0,
                copies=(copy_id(version, self.fleet.pods[number], 0),),
            )
            for version in self.fleet.versions
            if section_of(version) == section
        )  # fmt: skip
        told = list(million.EMPTY)
        told[section] = new_id()[-16:]
        return million.inventory(tuple(told), (section,), items)

    async def absorb(self) -> tuple[float, float]:
        """Copies that come to their end at the same time: reports a second, and CPU microseconds of each."""
        words: list[tuple[str | None, Event]] = []
        for _ in range(TOGETHER):
            asked, _ = await self.plan()
            for pod in self.fleet.pods:
                words += [(pod, word) for word in million.finished(asked.version, pod, asked.manifest)]
        await self.until(self.idle)
        self.replicator.popen.send_signal(signal.SIGSTOP)
        await self.say(words)
        used, start = self.replicator.cpu(), time.perf_counter()
        self.replicator.popen.send_signal(signal.SIGCONT)
        await self.until(self.idle)
        took, used = time.perf_counter() - start, self.replicator.cpu() - used
        settled = await self.until(lambda: self.answer(GetPlacement(actor=ACTOR, version=asked.version)))
        if settled.copies.get("AVAILABLE") != len(self.fleet.pods):
            raise RuntimeError(f"not every copy was taken in: {settled.copies}")
        return len(words) / took, used / len(words) * 1e6

    async def queries(self, rounds: int) -> dict[str, list[float]]:
        """Milliseconds of what people and monitoring ask."""
        version = self.fleet.versions[len(self.fleet.versions) // 2]
        asked: dict[str, Request] = {
            "metrics": GetMetrics(actor=ACTOR),
            "placement": GetPlacement(actor=ACTOR, version=version),
            "500 copies": ListCopies(actor=ACTOR, version=version),
            "100 pods": ListPods(actor=ACTOR),
        }
        took: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(rounds):
            for name, request in asked.items():
                start = time.perf_counter()
                if await self.answer(request) is None:
                    raise RuntimeError(f"no answer: {name}")
                took[name].append((time.perf_counter() - start) * 1000)
        return took


async def measure(folder: Path, url: str, fleet: Fleet, rounds: int, raw: list[float]) -> list[Figure]:
    """All figures; ``raw`` are events a second of the raw hop on the same server."""
    client = await nats.connect(url)
    await apply(client)
    await client.close()
    size = sum(path.stat().st_size for path in (folder / "replicator").glob("*.sqlite")) / 2**20
    pods, copies = f"{len(fleet.pods):,} pods", f"{len(fleet.pods):,} pods x {len(fleet.versions):,} versions"
    async with Bench.running(folder, url, fleet) as bench:
        planned, cancelled = [], []
        for _ in range(rounds):
            asked_for, took = await bench.plan()
            planned.append(took)
            await bench.until(bench.idle)
            cancelled.append(await bench.cancel(asked_for))
            await bench.until(bench.idle)
        minutes = [await bench.minute() for _ in range(rounds)]
        asked = await bench.queries(50)
        absorbed = [await bench.absorb() for _ in range(rounds)]
        resident = bench.replicator.rss()
    rates = [rate for rate, _ in absorbed]
    shares = [both / 60 * 100 for both, _ in minutes]
    return [
        Figure(
            id="R1", measure=f"publish to {pods}: from its event to the last copy planned and said",
            value=median(planned), unit="s", reach="<= 1 s", baseline="none", rounds=rounds,
            spread=(min(planned), max(planned)),
            note=f"{copies} in a database of {size:,.0f} MiB; cancelling all of it again: {median(cancelled)} s",
        ),
        Figure(
            id="R2", measure=f"a minute's heartbeats of {pods} and {CHANGED} changed inventories: CPU over 60 s",
            value=median(shares), unit="% of a core", reach="<= 10 %", baseline="none", rounds=rounds,
            spread=(min(shares), max(shares)),
            note=f"the heartbeats alone: {median([beats / 60 * 100 for _, beats in minutes])} %",
        ),
        Figure(
            id="R3", measure="RSS of the replicator after all of this", value=float(f"{resident:.4g}"), unit="MiB",
            reach="<= 300 MiB", baseline="none", rounds=1,
        ),
        Figure(
            id="R4", measure="copy reports absorbed: taken in, decided, committed, followed up",
            value=median(rates), unit="reports/s", reach=">= 10,000/s", baseline="none", rounds=rounds,
            spread=(min(rates), max(rates)),
            note=f"{median([cost for _, cost in absorbed])} us of CPU each; half of them make a copy AVAILABLE",
        ),
        Figure(
            id="R4.raw", measure="copy reports/s over events/s of the raw hop", value=median(rates) / median(raw),
            reach="for comparison", baseline=f"raw publish-consume-ack hop, same server: {median(raw):,.0f}/s",
            rounds=rounds,
        ),
        Figure(
            id="R5", measure="queries with a million copies, p50 / p99",
            value="; ".join(
                f"{name} {percentile(took, 0.5):.1f} / {percentile(took, 0.99):.1f}" for name, took in asked.items()
            ),
            unit="ms", reach="for comparison", baseline="none", rounds=50,
        ),
    ]  # fmt: skip


def main() -> None:
    """Measure, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--versions", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="a small fleet: everything is tried, nothing measured")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are left")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.pods, given.versions = 1, 60, 20
    fleet = million.named(given.pods, given.versions)
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as name:
        folder = Path(name)
        (folder / "replicator").mkdir()
        start = time.perf_counter()
        asyncio.run(million.build(folder / "replicator", fleet))
        print(f"  the database took {time.perf_counter() - start:.0f} s to make")
        with nats_server(folder, "always") as (server, url):
            raw = [raw_hop(server, url, 500 if given.quick else 6_000)[0] for _ in range(3)]
            figures = asyncio.run(measure(folder, url, fleet, given.rounds, raw))
        notes = ["One real replicator on a real server, `sync_interval: always`; command: `./dev bench replicator`."]
        write("replicator", figures, notes, folder if given.quick and given.results == RESULTS else given.results)


if __name__ == "__main__":
    main()
