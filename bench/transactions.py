"""K6: the service's transaction layer against inline sqlite3 doing the same statements, reads included."""

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.report import Figure, median
from contracts import codec, topology
from contracts.events import hub
from runtime.ids import new_id
from runtime.migrations import apply
from runtime.processor import Item, Processor
from runtime.service import tune_collector
from runtime.store import Store
from runtime.work import Get, Kind, Message, Reaction, Ref, Work

BATCH = 256
EVENTS = 40 * BATCH


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A small aggregate: what a handler typically changes."""

    version: str
    state: str
    available: int


COUNTED: Kind[Counted] = Kind("counted", Counted)


def _keys(message: Message[Any], _: Get) -> Iterable[Ref]:
    yield COUNTED(message.body.version)


def _handle(message: Message[hub.CopyAvailable], work: Work) -> None:
    event = message.body
    state = work.get(COUNTED, event.version) or Counted(version=event.version, state="REPLICATING", available=0)
    work.put(COUNTED, event.version, msgspec.structs.replace(state, available=state.available + 1))
    work.emit(_follow_up(event))


def _follow_up(event: hub.CopyAvailable) -> hub.VersionReplicating:
    return hub.VersionReplicating(
        version=event.version, image=event.image, number="1.0.0", publication=1, wanted=8, revision=event.revision
    )


def messages() -> list[Message[hub.CopyAvailable]]:
    """Events about 1,280 versions, eight copies each."""
    versions = [new_id() for _ in range(EVENTS // 8)]
    return [
        Message(
            new_id(),
            "replicator",
            datetime.now(UTC),
            versions[n // 8],
            hub.CopyAvailable(
                copy=f"{versions[n // 8]}_pod-{n % 8}_0",
                version=versions[n // 8],
                image="i" * 32,
                pod=f"pod-{n % 8}",
                attempt=1,
                digest="d" * 64,
                bytes_network=1,
                bytes_reused=2,
                revision=3,
            ),
        )
        for n in range(EVENTS)
    ]


async def layer(path: Path, all_messages: list[Message[hub.CopyAvailable]]) -> float:
    """Seconds for the processor over the store."""
    async with Store.open(path) as store:
        processor = Processor(store, {hub.CopyAvailable: Reaction(_keys, _handle)})
        left = len(all_messages)
        ended = asyncio.Event()

        def done(_: bytes | None) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                ended.set()

        def failed(error: BaseException) -> None:
            raise error

        for message in all_messages:
            processor.offer(Item(message, done, failed))
        start = time.perf_counter()
        running = asyncio.create_task(processor.run())
        await ended.wait()
        took = time.perf_counter() - start
        processor.stop()
        await running
        return took


def inline(path: Path, all_messages: list[Message[hub.CopyAvailable]]) -> float:
    """Seconds for the same reads and writes with sqlite3 called in place."""
    apply(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16384")
    n = 0
    start = time.perf_counter()
    for first in range(0, len(all_messages), BATCH):
        batch = all_messages[first : first + BATCH]
        keys = json.dumps([(message.id, message.speaker) for message in batch])
        connection.execute(
            "SELECT s.id, s.speaker, s.at, s.fingerprint, s.reply FROM json_each(?) AS j"
            " JOIN seen AS s ON s.id = j.value ->> 0 AND s.speaker = j.value ->> 1",
            (keys,),
        ).fetchall()
        ids = list({message.body.version: None for message in batch})
        found = connection.execute(
            "SELECT d.kind, d.id, d.body FROM json_each(?) AS j"
            " JOIN documents AS d ON d.kind = j.value ->> 0 AND d.id = j.value ->> 1",
            (json.dumps([("counted", id) for id in ids]),),
        ).fetchall()
        states = {id: COUNTED.decode(body) for _, id, body in found}
        seen, outbox = [], []
        for message in batch:
            event = message.body
            state = states.get(event.version) or Counted(version=event.version, state="REPLICATING", available=0)
            states[event.version] = msgspec.structs.replace(state, available=state.available + 1)
            follow = _follow_up(event)
            n += 1
            outbox.append(
                (n, new_id(), follow.type_name(), topology.subject(follow), message.saga, message.id,
                 message.at.timestamp(), codec.encode(follow))
            )  # fmt: skip
            seen.append((message.id, message.speaker, message.at.timestamp(), None, None))
        documents = [("counted", id, msgspec.json.encode(state).decode()) for id, state in states.items()]
        connection.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", seen)
        connection.executemany(
            "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", documents
        )
        connection.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)", outbox)
        connection.commit()
    took = time.perf_counter() - start
    connection.close()
    return took


def measure(rounds: int) -> Figure:
    """K6 over alternating pairs."""
    tune_collector()  # as every service does; it serves both sides
    ratios, rates = [], []
    for n in range(rounds):
        with tempfile.TemporaryDirectory(prefix="imprint-bench-") as folder:
            sample = messages()
            pair = [
                ("inline", lambda path=Path(folder) / "inline.sqlite", sample=sample: inline(path, sample)),
                ("layer", lambda path=Path(folder) / "layer.sqlite", sample=sample: uvloop.run(layer(path, sample))),
            ]
            took = {name: run() for name, run in (pair if n % 2 else reversed(pair))}
            ratios.append(took["inline"] / took["layer"])
            rates.append(EVENTS / took["layer"])
    return Figure(
        id="K6",
        measure="events/s of the transaction layer over inline sqlite3, 256 a transaction, synchronous=FULL",
        value=median(ratios),
        reach=">= 0.75",
        baseline="inline sqlite3, same statements, reads included",
        rounds=rounds,
        spread=(min(ratios), max(ratios)),
        note=f"layer: {median(rates):,.0f} events/s",
    )


if __name__ == "__main__":
    print(measure(5))
