"""``./dev bench catalog``: lists and look-ups at a million versions, and a thousand imports at once (C1 to C4).

The catalog is a real process on a real server; what is timed is the whole way of a query, there and back.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import nats
from nats.aio.client import Client
from nats.js import JetStreamContext

from bench import hoard
from bench.control import raw_hop
from bench.hoard import ACTOR, Hoard
from bench.processes import Running, module, nats_server
from bench.questions import answers
from bench.report import RESULTS, Figure, median, percentile, write
from contracts import codec
from contracts.errors import Problem
from contracts.events import hub
from contracts.manifest import Source
from contracts.requests import (
    Accepted,
    ImportVersion,
    ListGalleries,
    ListImages,
)
from contracts.topology import subject
from runtime.ids import new_id
from runtime.requests import Requests
from runtime.settings import Settings
from runtime.topology import apply

SMALL = 10_000
"""Versions of the smaller hoard that C2 compares with."""
GALLERIES = 4
"""Galleries that C3 imports into."""
TWICE = 5
"""Each of so many imports is asked for a second time, as a client does whose answer was lost."""


async def _until(condition: Callable[[], Awaitable[bool]], timeout: float) -> None:
    async with asyncio.timeout(timeout):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def _answers(requests: Requests) -> bool:
    return not isinstance(await requests.ask(ListGalleries(actor=ACTOR), timeout=5), Problem)


async def _all_said(said: dict[str, int], count: int) -> bool:
    return sum(said.values()) >= count


async def _taken_in(js: JetStreamContext) -> bool:
    info = await js.consumer_info("EVENTS", "catalog")
    return not info.num_pending and not info.num_ack_pending


@asynccontextmanager
async def catalog(folder: Path, url: str) -> AsyncIterator[tuple[Running, Requests]]:
    """The catalog over the database in ``folder``, once it answers, and a client."""
    settings = {"nats_url": url, "log_level": "warning", "most_images": "1000000"}
    running = module("catalog", folder, data=str(folder / "catalog"), **settings)
    try:
        async with Requests.connect(Settings(data=str(folder), nats_url=url), "bench") as requests:
            await _until(lambda: _answers(requests), 300)
            yield running, requests
    finally:
        running.stop()


def read_through(folder: Path) -> None:
    """Have the database in the page cache, where one that is used would be."""
    for path in folder.glob("*.sqlite"):
        with path.open("rb", buffering=0) as file:
            while file.read(2**24):
                pass


async def looked_up(
    folder: Path, url: str, versions: int, copies: int, rounds: int
) -> tuple[dict[str, list[float]], float]:
    """Milliseconds of each question at so many versions, and MiB of the catalog after them.

    A database that an earlier run left in ``folder`` is used again.
    """
    of = await _hoard(folder, versions, copies)
    await asyncio.to_thread(read_through, folder / "catalog")
    async with catalog(folder, url) as (running, requests):
        await answers(requests, of, max(1, rounds // 10))
        took = await answers(requests, of, rounds)
        return took, running.rss()


async def emptied(client: Client) -> None:
    """Have the streams of the topology, with nothing in them."""
    js = client.jetstream()
    for stream in await js.streams_info():
        await js.delete_stream(str(stream.config.name))
    await apply(client)


async def _hoard(folder: Path, versions: int, copies: int) -> Hoard:
    notes = folder / "hoard.json"
    if notes.exists():
        return msgspec.json.decode(notes.read_bytes(), type=Hoard)
    of = hoard.named(versions, min(50, versions), copies)
    (folder / "catalog").mkdir(parents=True)
    start = time.perf_counter()
    await hoard.build(folder / "catalog", of)
    size = sum(path.stat().st_size for path in (folder / "catalog").glob("*.sqlite")) / 2**20
    print(f"  {versions:,} versions: the database has {size:,.0f} MiB and took {time.perf_counter() - start:.0f} s")
    notes.write_bytes(msgspec.json.encode(of))
    return of


async def imports(folder: Path, url: str, count: int) -> float:
    """Events a second while ``count`` imports are accepted at once, from the first command to the last event said.

    Raises RuntimeError when one is lost or doubled.
    """
    client: Client = await nats.connect(url, pending_size=64 * 2**20)
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    said: dict[str, int] = {}
    last = time.perf_counter()

    async def heard(message: Any) -> None:
        nonlocal last
        said[message.subject] = said.get(message.subject, 0) + 1
        last = time.perf_counter()

    try:
        async with catalog(folder, url) as (_, requests):
            await _enrolled(client)
            for subject in ("event.version.requested.*", "event.image.registered.*", "to.pod.*.source.requested.*"):
                await client.subscribe(subject, cb=heard, pending_msgs_limit=-1)
            await client.flush()
            commands = [_import(n) for n in range(count)]
            start = time.perf_counter()
            asked = [requests.ask(command, timeout=60) for command in (*commands, *commands[: count // TWICE])]
            replies = await asyncio.gather(*asked)
            refused = [reply for reply in replies if not isinstance(reply, Accepted)]
            if refused:
                raise RuntimeError(f"{len(refused)} of {len(replies)} imports were refused: {refused[0]}")
            await _until(lambda: _all_said(said, 3 * count), 60)
            await asyncio.sleep(0.5)  # for what should not come
            await _none_lost_or_doubled(requests, replies, said, count)
            return 3 * count / (last - start)
    finally:
        await client.close()


async def _enrolled(client: Client) -> None:
    """Let the catalog know a pod to import from."""
    event = hub.PodEnrolled(pod="pod-1", hypervisor="directory", revision=1)
    headers = codec.headers(type(event), id=new_id(), at=datetime.now(UTC), speaker="replicator", saga="", cause="")
    js = client.jetstream()
    await js.publish(subject(event), codec.encode(event), headers=headers)
    await _until(lambda: _taken_in(js), 30)


def _import(n: int) -> ImportVersion:
    return ImportVersion(
        id=new_id(), actor=ACTOR, image=f"import-{n % GALLERIES}/image-{n}", create=True,
        source=Source(pod="pod-1", name="golden"),
    )  # fmt: skip


async def _none_lost_or_doubled(requests: Requests, replies: list[Any], said: dict[str, int], count: int) -> None:
    """Raises RuntimeError when an import was lost, or done twice."""
    twice = [subject for subject, times in said.items() if times != 1]
    versions = {reply.version for reply in replies}
    images = 0
    for gallery in range(GALLERIES):
        page = await requests.ask(ListImages(actor=ACTOR, gallery=f"import-{gallery}", limit=1000), timeout=30)
        images += 0 if isinstance(page, Problem) else len(page.items)
    if twice or len(versions) != count or len(said) != 3 * count or images != count:
        raise RuntimeError(f"{count} imports gave {len(versions)} versions, {images} images, {len(said)} subjects")


async def accepted(folder: Path, url: str, count: int, rounds: int) -> list[float]:
    """Events a second of each round of `imports`, each with a database and streams of its own."""
    client = await nats.connect(url)
    found = []
    for round_ in range(rounds):
        await emptied(client)
        found.append(await imports(folder / f"round-{round_}", url, count))
    await client.close()
    return found


def main() -> None:
    """Measure, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of C3, alternating with the raw hop")
    parser.add_argument("--asked", type=int, default=900, help="how often each question is put")
    parser.add_argument("--versions", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, default=10, help="copies of each version")
    parser.add_argument("--imports", type=int, default=1000)
    parser.add_argument("--inputs", type=Path, help="a folder in which the databases are kept for the next run")
    parser.add_argument("--quick", action="store_true", help="a small database: everything is tried, nothing measured")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are left")
    given = parser.parse_args()
    small = SMALL
    if given.quick:
        given.rounds, given.asked, given.versions, given.imports, small = 1, 5, 2_000, 50, 500
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as name:
        folder = Path(name)
        with nats_server(folder, "always") as (server, url):
            ratios, rates = [], []
            for round_ in range(given.rounds):
                raw = raw_hop(server, url, given.imports * 6)[0]
                rate = asyncio.run(accepted(folder / f"imports-{round_}", url, given.imports, 1))[0]
                rates.append(rate)
                ratios.append(rate / raw)
            inputs: Path = given.inputs or folder
            few, _ = asyncio.run(_looked_up_on(inputs / f"catalog-{small}", url, small, given))
            large = inputs / f"catalog-{given.versions}"
            many, resident = asyncio.run(_looked_up_on(large, url, given.versions, given))
        figures = list(compared(few, many, given.versions, small))
        figures += [
            Figure(
                id="C3", measure=f"{given.imports:,} imports accepted at once: events/s over those of the raw hop",
                value=median(ratios), reach=">= 0.4", baseline="raw publish-consume-ack hop, same server",
                rounds=given.rounds, spread=(min(ratios), max(ratios)),
                note=f"{median(rates):,.0f} events/s; one in {TWICE} asked for twice; none lost, none doubled",
            ),
            Figure(
                id="C4", measure=f"RSS of the catalog at {given.versions:,} versions, after all questions",
                value=float(f"{resident:.4g}"), unit="MiB", reach="<= 200 MiB", baseline="none", rounds=1,
            ),
        ]  # fmt: skip
        notes = [
            "One real catalog on a real server, `sync_interval: always`; command: `./dev bench catalog`.",
            f"Each version has {given.copies} copies; an image has 50 versions, a gallery 100 images. Times are those "
            "of a client: over NATS, there and back, with the database in the page cache.",
        ]
        write("catalog", figures, notes, folder if given.quick and given.results == RESULTS else given.results)


async def _looked_up_on(
    folder: Path, url: str, versions: int, given: argparse.Namespace
) -> tuple[dict[str, list[float]], float]:
    client = await nats.connect(url)
    await emptied(client)
    await client.close()
    return await looked_up(folder, url, versions, given.copies, given.asked)


def compared(few: dict[str, list[float]], many: dict[str, list[float]], versions: int, small: int) -> list[Figure]:
    """C1 and C2: each question at many versions, and over few."""
    slowest = max(percentile(took, 0.99) for took in many.values())
    growth = {name: percentile(took, 0.99) / percentile(few[name], 0.99) for name, took in many.items() if name in few}
    halves = {name: median(took) / median(few[name]) for name, took in many.items() if name in few}
    rows = "; ".join(f"{name} {median(took):.1f} / {percentile(took, 0.99):.1f}" for name, took in many.items())
    ratios = "; ".join(f"{name} {ratio:.2f}" for name, ratio in growth.items())
    rounds = len(next(iter(many.values())))
    return [
        Figure(
            id="C1", measure=f"the slowest of the questions below at {versions:,} versions, p99",
            value=float(f"{slowest:.3g}"), unit="ms", reach="<= 20 ms", baseline="none", rounds=rounds,
            note=f"p50 / p99 in ms: {rows}",
        ),
        Figure(
            id="C2", measure=f"the largest p99 at {versions:,} versions over that at {small:,}",
            value=float(f"{max(growth.values()):.3g}"), reach="<= 2", baseline=f"the same at {small:,} versions",
            rounds=rounds, note=f"{ratios}; of medians at most {max(halves.values()):.2f}",
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
