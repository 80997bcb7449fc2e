"""A replicator's database with 2,000 pods and 500 versions, a million copies: made by its own code, then multiplied.

One version goes through the real reactions on every pod; what that left in the database is written again under the ids
of the other versions. So the documents have the shape that the service gives them, whatever that is.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from contracts.events import Speaker, from_pods, hub, to_pods
from contracts.inventory import SECTIONS, root_of, section_of
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from replicator.definition import definition
from replicator.documents import HELD
from replicator.domain.held import Held, held_id
from replicator.settings import ReplicatorSettings
from runtime.ids import new_id
from runtime.processor import Item, Processor
from runtime.store import Row, Store
from runtime.work import Batch, Message

SIZE = 4 * 2**30
REGIONS = ("eu", "us", "ap", "sa")
STORE = from_pods.Datastore(name="default", capacity=10**13, free=10**13, disk_type="ssd")
WIDE: dict[str, Any] = {
    "enrolment": "open", "pod_copies": 64, "source_groups": 1000, "tenant_publishes": 1000,
    "tenant_publishes_across": 1000,
}  # fmt: skip
"""Settings with which slots hold nobody back: the replicator is measured, and not the pace of pods."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in the database: pods, and versions with their images; the first version is the one that was made."""

    pods: tuple[str, ...]
    versions: tuple[str, ...]
    images: tuple[str, ...]


def named(pods: int, versions: int) -> Fleet:
    """Names for so many."""
    return Fleet(
        pods=tuple(f"pod-{n}" for n in range(1, pods + 1)),
        versions=tuple(new_id() for _ in range(versions)),
        images=tuple(new_id() for _ in range(versions)),
    )


def announced(pod: str, number: int) -> from_pods.PodAnnounced:
    """A pod of one of four regions."""
    labels = {"region": REGIONS[number % len(REGIONS)], "site": f"site-{number % 40}"}
    return from_pods.PodAnnounced(
        boot=f"boot-{pod}", address=f"https://{pod}.example:8443", hypervisor="directory", family="directory",
        connector_version="1.0", formats=("raw", "qcow2"), labels=labels, datastores=(STORE,), interval=60.0,
    )  # fmt: skip


EMPTY = tuple("0" * 16 for _ in range(SECTIONS))
"""The digests of an inventory's sections, as these pods tell them at first."""


def reported(pod: str, root: str) -> from_pods.PodReported:
    """A heartbeat."""
    return from_pods.PodReported(boot=f"boot-{pod}", root=root, datastores=(STORE,), dead_letters=0, working=())


def inventory(
    sections: tuple[str, ...], changed: tuple[int, ...], items: tuple[from_pods.LibraryItem, ...] = ()
) -> from_pods.InventoryReported:
    """What a pod holds in the changed sections, on one page."""
    return from_pods.InventoryReported(
        root=root_of(sections), page=0, pages=1, vms=(), items=items, sections=sections, changed=changed
    )


def manifest(version: str, pod: str) -> Manifest:
    """The content of a version."""
    disk = Disk(role="os", lun=0, format="qcow2", size=SIZE, virtual_size=4 * SIZE, root=version * 2, sha256="a" * 64)
    source = Source(pod=pod, kind="vm", name="golden")
    return Manifest(disks=(disk,), source=source, created=datetime(2026, 1, 1, tzinfo=UTC))


def published(version: str, image: str, pod: str) -> hub.VersionPublishRequested:
    """A publish to every pod."""
    return hub.VersionPublishRequested(
        version=version, image=image, number="1.0.0", tenant="default", publication=1, manifest=manifest(version, pod),
        targets=hub.Targets(), replicas=1, deadline=datetime.now(UTC) + timedelta(days=1), revision=1,
    )  # fmt: skip


def finished(
    version: str, pod: str, content: Manifest, attempt: int = 1
) -> tuple[from_pods.CopyTransferred, from_pods.CopyFinalised]:
    """What a pod says of a copy that it made."""
    said: dict[str, Any] = {"copy": copy_id(version, pod, 0), "version": version, "attempt": attempt}
    said |= {
        "digest": content.digest, "bytes_network": SIZE // 10, "bytes_reused": SIZE - SIZE // 10,
        "bytes_from": {content.source.pod: SIZE // 10},
    }  # fmt: skip
    files = tuple(
        from_pods.FileDigest(lun=disk.lun, format=disk.format, size=disk.size, root=disk.root) for disk in content.disks
    )
    finalised = from_pods.CopyFinalised(**said, item=version, datastore="default", files=files)
    return from_pods.CopyTransferred(**said), finalised


async def build(folder: Path, fleet: Fleet) -> None:
    """Make the database in ``folder``."""
    defined = definition(ReplicatorSettings(data=str(folder), **WIDE))
    assert defined.migrations is not None
    database = folder / f"{defined.name}.sqlite"
    async with Store.open(database, defined.migrations) as store:
        processor = Processor(store, defined.reactions)
        asked: list[to_pods.CopyRequested] = []

        def heard(batch: Batch, _: Sequence[Row]) -> None:
            asked.extend(said.event for said in batch.emitted if isinstance(said.event, to_pods.CopyRequested))

        processor.on_commit(heard)
        running = asyncio.create_task(processor.run())
        await _handle(processor, ((f"pod:{pod}", announced(pod, n)) for n, pod in enumerate(fleet.pods)))
        every = tuple(range(SECTIONS))
        await _handle(processor, ((f"pod:{pod}", inventory(EMPTY, every)) for pod in fleet.pods))
        await _remind(store, processor, defined.local)
        first = published(fleet.versions[0], fleet.images[0], fleet.pods[0])
        await _handle(processor, [(str(Speaker.CATALOG), first)])
        made = 0
        while made < len(fleet.pods):
            taken, asked[:] = list(asked), []
            words = [(one.pod, word) for one in taken for word in finished(one.version, one.pod, one.manifest)]
            await _handle(processor, ((f"pod:{pod}", word) for pod, word in words))
            await _remind(store, processor, defined.local)
            made += len(taken)
        processor.stop()
        await running
    _multiply(database, fleet)


async def _handle(processor: Processor, said: Iterable[tuple[str, Any]]) -> None:
    """Have what was said handled, and wait for it."""
    now = datetime.now(UTC)
    waits = []
    for speaker, body in said:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        processor.offer(Item(Message(new_id(), speaker, now, "", body), done.set_result, done.set_exception))
        waits.append(done)
    await asyncio.gather(*waits)


async def _remind(store: Store, processor: Processor, local: Any) -> None:
    """Hand what is due to the processor, as the service's own task does."""
    decode = msgspec.json.Decoder(local).decode
    while due := await store.due(time.time(), 256):
        waits = []
        for one in due:
            done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            message = Message(new_id(), "self", datetime.now(UTC), one.saga, decode(one.body))
            reminder = (one.name, one.due)
            processor.offer(Item(message, done.set_result, done.set_exception, deduplicate=False, reminder=reminder))
            waits.append(done)
        await asyncio.gather(*waits)


def _multiply(database: Path, fleet: Fleet) -> None:
    """Write everything about the first version again for all the others, and what each section of a pod holds."""
    made, image = fleet.versions[0], fleet.images[0]
    connection = sqlite3.connect(database)
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;")
    for version, other in zip(fleet.versions[1:], fleet.images[1:], strict=True):
        connection.execute(
            "INSERT INTO documents SELECT kind, replace(replace(id, ?1, ?2), ?3, ?4),"
            " replace(replace(body, ?1, ?2), ?3, ?4) FROM documents"
            " WHERE (kind = 'copy' AND id > ?1 AND id < ?1 || '`')"
            " OR (kind IN ('placement', 'roster') AND id = ?1) OR (kind = 'shelf' AND id = ?3)",
            (made, version, image, other),
        )
    connection.execute("UPDATE tally SET copies = copies * ?", (len(fleet.versions),))
    places = [section_of(version) for version in fleet.versions]
    for pod in fleet.pods:
        query = "SELECT body FROM documents WHERE kind = 'held' AND id = ?"
        ((body,),) = connection.execute(query, (held_id(pod, places[0]),)).fetchall()
        holding = HELD.decode(body).copies[copy_id(made, pod, 0)]
        sections: dict[int, dict[str, Any]] = {}
        for version, place in zip(fleet.versions, places, strict=True):
            sections.setdefault(place, {})[copy_id(version, pod, 0)] = holding
        connection.executemany(
            "INSERT OR REPLACE INTO documents VALUES ('held', ?, ?)",
            [(held_id(pod, place), msgspec.json.encode(Held(copies)).decode()) for place, copies in sections.items()],
        )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
