"""``./dev bench sharing``: access decisions at a million grants, and what a member of 100,000 images asks (S1 to S4).

Decisions are made in this process, over a catalog's database and by the code that services decide with. Lists are those
of a real catalog on a real server, there and back.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import nats

from bench import granted, hoard
from bench.catalog import catalog, emptied, read_through
from bench.granted import GRANTS, OWNER, READER, STRANGER
from bench.hoard import Hoard
from bench.processes import nats_server
from bench.questions import timed
from bench.report import RESULTS, Figure, median, percentile, write
from contracts.requests import Actor, GetHealth, GetImage, ListImages, Request
from runtime import access
from runtime.access import ACCESS
from runtime.ids import new_id
from runtime.requests import Requests
from runtime.store import Store
from runtime.work import Batch

NOTHING = "health"
"""A question for which nothing is looked up: what the way there and back takes on this machine at the time."""
SMALL = 10_000
"""Grants of the smaller database that everything is compared with."""
Times = dict[str, list[float]]
"""Milliseconds of each question."""


async def _shared(folder: Path, images: int) -> Hoard:
    """A catalog's database with so many shared images, of an earlier run if there is one."""
    notes = folder / "hoard.json"
    if notes.exists():
        return msgspec.json.decode(notes.read_bytes(), type=Hoard)
    of = hoard.named(images, 1, 1)
    (folder / "catalog").mkdir(parents=True)
    start = time.perf_counter()
    await hoard.build(folder / "catalog", of, granted.said)
    size = sum(path.stat().st_size for path in (folder / "catalog").glob("*.sqlite")) / 2**20
    took = time.perf_counter() - start
    print(f"  {images * GRANTS:,} grants: the database has {size:,.0f} MiB and took {took:.0f} s")
    notes.write_bytes(msgspec.json.encode(of))
    return of


async def decisions(folder: Path, of: Hoard, rounds: int) -> Times:
    """Milliseconds of each way to a decision, of a member, a stranger and the owner's own in turn.

    Raises RuntimeError when one is wrong.
    """
    took: Times = {}
    chance = random.Random(5)
    own = Actor(tenant=OWNER, name="bench", roles=("reader",))
    async with Store.open(folder / "catalog" / "catalog.sqlite") as store:
        for _ in range(rounds):
            for actor, reads in ((READER, True), (STRANGER, False), (own, True)):
                n = chance.randrange(len(of.images))
                image, gallery = of.images[n], of.gallery(n)
                start = time.perf_counter()
                committed = await access.read_rights(store.reader, actor, tenant=OWNER, image=image, gallery=gallery)
                _note(took, "query", start)
                start = time.perf_counter()
                batch = Batch(new_id)
                store.load(batch, list(access.refs(image, OWNER, gallery)))
                found = access.rights(batch.get, actor, tenant=OWNER, image=image, gallery=gallery)
                _note(took, "command", start)
                if not ("read" in found) is ("read" in committed) is reads:
                    raise RuntimeError(f"{actor.tenant} has {found} and {committed} on image {n}")
    return took


def widest(rounds: int) -> Times:
    """Milliseconds of a decision over the document of an image shared with as many as may be: decode, decide."""
    took: Times = {}
    document = msgspec.json.encode(granted.widest())
    for _ in range(rounds):
        start = time.perf_counter()
        known = ACCESS.decode(document)
        _note(took, "decoded", start)
        start = time.perf_counter()
        found = access.decided(known, None, READER, tenant=OWNER)
        _note(took, "decided", start)
        if found != access.READ:
            raise RuntimeError(f"a member has {found} on an image that it accepted")
    return took


def _note(took: Times, name: str, start: float) -> None:
    took.setdefault(name, []).append((time.perf_counter() - start) * 1000)


def questions(of: Hoard, chance: random.Random) -> dict[str, Callable[[], Request]]:
    """What people of a tenant ask about what is shared with it, each time about something else."""

    def lists(**given: Any) -> Callable[[], Request]:
        return lambda: ListImages(actor=READER, **{key: made() for key, made in given.items()})

    return {
        "list, first page": lists(),
        "shared with me": lists(visibility=lambda: "shared"),
        "whatever was answered": lists(visibility=lambda: "shared", member_status=lambda: "all"),
        "list by age": lists(sort=lambda: "-created"),
        "list of an owner": lists(owner=lambda: OWNER),
        "search: tag": lists(tags=lambda: {"team": f"team-{chance.randrange(of.teams)}"}),
        "search: OS and tag": lists(tags=lambda: {"tier": "gold"}, where=lambda: {"os_type": "linux"}),
        "search: text": lists(text=lambda: of.name(chance.randrange(len(of.images)))),
        "get an image": lambda: GetImage(actor=READER, image=chance.choice(of.images)),
    }


async def lists(requests: Requests, of: Hoard, rounds: int) -> Times:
    """Milliseconds of each question, asked ``rounds`` times in turn; the list also at later pages."""
    chance = random.Random(4)
    took: Times = {}
    cursors: list[str] = []
    for _ in range(rounds):
        for name, made in questions(of, chance).items():
            page = await timed(requests, name, made(), took)
            if isinstance(page, msgspec.Struct) and not getattr(page, "items", (page,)):
                raise RuntimeError(f"{name}: nothing was found")
            if name == "list, first page" and page.next is not None and len(cursors) < 50:
                cursors.append(page.next)
        start = time.perf_counter()
        await requests.ask(GetHealth(actor=READER), service="catalog", timeout=60)
        _note(took, NOTHING, start)
        if cursors:
            later = ListImages(actor=READER, cursor=chance.choice(cursors))
            page = await timed(requests, "list, later page", later, took)
            if page.next is not None and len(cursors) < 50:
                cursors.append(page.next)
    return took


async def measured(folder: Path, url: str, images: int, given: argparse.Namespace) -> tuple[Times, Times, float]:
    """Decisions and lists over so many shared images, and MiB of the catalog after them."""
    of = await _shared(folder, images)
    await asyncio.to_thread(read_through, folder / "catalog")
    client = await nats.connect(url)
    await emptied(client)
    await client.close()
    await decisions(folder, of, given.decided // 10 + 1)
    decided = await decisions(folder, of, given.decided)
    async with catalog(folder, url) as (running, requests):
        await lists(requests, of, max(1, given.asked // 10))
        listed = await lists(requests, of, given.asked)
        return decided, listed, running.rss()


def main() -> None:
    """Measure, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decided", type=int, default=2000, help="how often each decision is made")
    parser.add_argument("--asked", type=int, default=300, help="how often each question is put")
    parser.add_argument("--grants", type=int, default=1_000_000)
    parser.add_argument("--inputs", type=Path, help="a folder in which the databases are kept for the next run")
    parser.add_argument("--quick", action="store_true", help="a small database: everything is tried, nothing measured")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are left")
    given = parser.parse_args()
    small = SMALL
    if given.quick:
        given.decided, given.asked, given.grants, small = 20, 5, 3_000, 1_000
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as name:
        folder = Path(name)
        inputs: Path = given.inputs or folder
        with nats_server(folder, "always") as (_, url):
            few = asyncio.run(measured(inputs / f"shared-{small}", url, small // GRANTS, given))
            many = asyncio.run(measured(inputs / f"shared-{given.grants}", url, given.grants // GRANTS, given))
        notes = [
            "Two shared cores, Python 3.11, SQLite in WAL mode, nats-server 2.14.3 with `sync_interval: always`; "
            "command: `./dev bench sharing`.",
            f"An image has {GRANTS} grants: {len(granted.OFFERED)} offers to tenants, accounts and units, "
            f"{GRANTS - len(granted.OFFERED)} roles on it and its version. Who asks accepted every one of them.",
        ]
        figures = list(compared(few, many, widest(given.decided), given.grants, small))
        write("sharing", figures, notes, folder if given.quick and given.results == RESULTS else given.results)


def compared(
    few: tuple[Times, Times, float], many: tuple[Times, Times, float], wide: Times, grants: int, small: int
) -> Iterator[Figure]:
    """S1 to S4, beside what the same took at few grants."""
    decided, listed = many[0], many[1]
    slowest = max(decided.values(), key=median)
    yield Figure(
        id="S1", measure=f"an access decision at {grants:,} grants, documents read and decoded: the slower way, p50",
        value=median(slowest), unit="ms", reach="<= 0.2 ms",
        baseline=f"at {small:,} grants: {_each(few[0])}", rounds=len(slowest),
        note=f"p50 / p99 in ms: {_each(decided)}",
    )  # fmt: skip
    worst = [sum(parts) for parts in zip(wide["decoded"], wide["decided"], strict=True)]
    yield Figure(
        id="S2", measure=f"a decision on an image with {granted.MOST_MEMBERS} members and {granted.MOST_GRANTS} "
        "grants, its document decoded: p50",
        value=median(worst), unit="ms", reach="<= 0.2 ms", baseline="none", rounds=len(worst),
        note=f"p50 / p99 in ms: {_each(wide)}",
    )  # fmt: skip
    p99 = {name: percentile(took, 0.99) for name, took in listed.items() if name != NOTHING}
    yield Figure(
        id="S3", measure=f"lists of a tenant that accepted {grants // GRANTS:,} images, the slowest: p99",
        value=float(f"{max(p99.values()):.3g}"), unit="ms", reach="<= 30 ms",
        baseline=f"{small // GRANTS:,} images: {max(percentile(took, 0.99) for took in few[1].values()):.3g} ms; "
        f"a question for which nothing is looked up: {percentile(listed[NOTHING], 0.99):.3g} ms",
        rounds=len(next(iter(listed.values()))), note=f"p50 / p99 in ms: {_each(listed)}; "
        f"the catalog has {many[2]:,.0f} MiB of memory after them",
    )  # fmt: skip
    growth = {name: median(took) / median(few[1][name]) for name, took in listed.items() if name in few[1]}
    growth.pop(NOTHING)
    ratios = "; ".join(f"{name} {ratio:.2f}" for name, ratio in growth.items())
    yield Figure(
        id="S4", measure=f"the largest p50 of these lists over that at {small // GRANTS:,} images",
        value=float(f"{max(growth.values()):.3g}"), reach="none", baseline=f"the same at {small // GRANTS:,} images",
        rounds=len(next(iter(listed.values()))), note=ratios,
    )  # fmt: skip


def _each(took: Times) -> str:
    return "; ".join(f"{name} {median(one):.3g} / {percentile(one, 0.99):.3g}" for name, one in took.items())


if __name__ == "__main__":
    main()
