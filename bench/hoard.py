"""A catalog's database with a million versions: one is made by the catalog's own code, then multiplied.

One image goes through the real reactions, with a version that is published to all pods; what that left in the database
is written again under the ids, names and numbers of the others. So the documents have the shape that the service gives
them, whatever that is. Half of the images are of Windows, each tenth has a tag of its own, each hundredth is disabled.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from catalog.definition import definition
from catalog.settings import CatalogSettings
from contracts.errors import Problem
from contracts.events import Event, Speaker, from_pods, hub
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from contracts.requests import Accepted, Actor, EditTags, ImportVersion, PublishVersion
from contracts.views import ImageView
from runtime.ids import new_id
from runtime.processor import Item, Processor
from runtime.store import Store
from runtime.work import Message

ACTOR = Actor(tenant="default", name="bench", roles=("operator",))
GALLERY, NAME = "gallery-0000", "image-00000"
SIZE = 4 * 2**30
_REPLY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Accepted | ImageView | Problem)
ROWS = 20_000
"""Rows that are written in one transaction."""


class Hoard(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the database: so many versions of each image, each with a copy on each pod."""

    images: tuple[str, ...]
    galleries: int
    versions: int
    pods: tuple[str, ...]

    @property
    def teams(self) -> int:
        """Teams that images belong to: twenty images each, so that a search finds as many however many there are."""
        return max(1, len(self.images) // 20)

    def name(self, image: int) -> str:
        """The name of an image in its gallery."""
        return f"image-{image:05d}"

    def gallery(self, image: int) -> str:
        """The gallery that an image is in."""
        return f"gallery-{image % self.galleries:04d}"

    def number(self, version: int) -> str:
        """The number of an image's version."""
        return f"1.{version}.0"


def named(versions: int, of_each: int, copies: int) -> Hoard:
    """Names for so many; a gallery has a hundred images."""
    images = max(1, versions // of_each)
    return Hoard(
        images=tuple(new_id() for _ in range(images)),
        galleries=max(1, images // 100),
        versions=of_each,
        pods=tuple(f"pod-{n}" for n in range(1, copies + 1)),
    )


async def build(folder: Path, hoard: Hoard, shared: Callable[[Accepted], Iterable[Event]] = lambda _: ()) -> None:
    """Make the catalog's database in ``folder``; ``shared`` is what sharing said about the version that is made."""
    defined = definition(CatalogSettings(data=str(folder)))
    assert defined.migrations is not None
    database = folder / f"{defined.name}.sqlite"
    async with Store.open(database, defined.migrations) as store:
        processor = Processor(store, defined.reactions)
        running = asyncio.create_task(processor.run())
        made = await _one(processor, hoard.pods)
        for event in shared(made):
            await _handle(processor, Speaker.SHARING, event)
        processor.stop()
        await running
    _multiply(database, hoard, made)


async def _one(processor: Processor, pods: Sequence[str]) -> Accepted:
    """An image, and a version that is AVAILABLE on every pod."""
    for pod in pods:
        await _handle(processor, Speaker.REPLICATOR, hub.PodEnrolled(pod=pod, hypervisor="directory", revision=1))
        await _handle(processor, Speaker.REPLICATOR, hub.PodConnected(pod=pod, revision=2))
    source = Source(pod=pods[0], name="golden")
    asked = ImportVersion(
        id=new_id(), actor=ACTOR, image=f"{GALLERY}/{NAME}", create=True, source=source, number="1.0.0"
    )
    accepted = await _handle(processor, "request", asked)
    if not isinstance(accepted, Accepted):
        raise TypeError(f"the import was not accepted: {accepted}")
    disk = Disk(role="os", lun=0, format="qcow2", size=SIZE, virtual_size=4 * SIZE, root="a" * 64, sha256="b" * 64)
    content = Manifest(disks=(disk,), source=source, created=datetime(2026, 1, 1, tzinfo=UTC))
    prepared = from_pods.SourcePrepared(version=accepted.version, attempt=1, manifest=content, datastore="default")
    await _handle(processor, f"pod:{pods[0]}", prepared)
    tags = EditTags(id=new_id(), actor=ACTOR, image=accepted.image, set={"team": "desktops", "tier": "gold"})
    await _handle(processor, "request", tags)
    publish = PublishVersion(
        id=new_id(), actor=ACTOR, image=accepted.image, number="1.0.0", deadline=timedelta(days=1).total_seconds()
    )
    if not isinstance(answer := await _handle(processor, "request", publish), Accepted):
        raise TypeError(f"the publish was not accepted: {answer}")
    for pod in pods:
        about: dict[str, Any] = {
            "copy": copy_id(accepted.version, pod, 0), "version": accepted.version, "image": accepted.image, "pod": pod,
        }  # fmt: skip
        planned = hub.CopyPlanned(
            **about, replica=0, publication=1, wanted=len(pods), state="PENDING", reason="", revision=1
        )
        await _handle(processor, Speaker.REPLICATOR, planned)
        there = hub.CopyAvailable(
            **about, attempt=1, digest=content.digest, bytes_network=SIZE, bytes_reused=0, revision=2
        )
        await _handle(processor, Speaker.REPLICATOR, there)
    return accepted


async def _handle(processor: Processor, speaker: str, body: Any) -> Any:
    """Have one message handled; its reply."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    message = Message(getattr(body, "id", None) or new_id(), str(speaker), datetime.now(UTC), "", body)
    processor.offer(Item(message, done.set_result, done.set_exception))
    reply = await done
    return None if reply is None else _REPLY.decode(reply)


class _Template:
    """The documents about the version that was made, and those about its image alone."""

    def __init__(self, connection: sqlite3.Connection, made: Accepted) -> None:
        rows = connection.execute("SELECT kind, id, body FROM documents").fetchall()
        self.version = [row for row in rows if made.version in row[1] or row[1].endswith("/1.0.0")]
        self.version += [row for row in rows if row not in self.version and row[0] == "number"]
        self.image = [
            row
            for row in rows
            if row not in self.version and (made.image in row[1] or f"/{NAME}" in row[1] or row[0] == "image")
        ]
        self.jobs = [row for row in rows if row[0] == "job" and row not in self.image and row not in self.version]


def _multiply(database: Path, hoard: Hoard, made: Accepted) -> None:
    """Write everything about the first image and its version again for all the others."""
    connection = sqlite3.connect(database)
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; PRAGMA cache_size = -1048576;")
    template = _Template(connection, made)
    kinds = {row[0] for row in (*template.version, *template.image, *template.jobs)}
    gone = [(row[0], row[1]) for row in (*template.version, *template.image, *template.jobs)]
    connection.executemany("DELETE FROM documents WHERE kind = ? AND id = ?", gone)
    if "image" not in kinds or "version" not in kinds or "copy" not in kinds:
        raise ValueError(f"the catalog keeps other documents than this bench knows: {sorted(kinds)}")
    for batch in _batches(_rows(template, hoard, made)):
        connection.executemany("INSERT INTO documents VALUES (?, ?, ?)", batch)
        connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA optimize")
    connection.close()


def _batches(rows: Iterable[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    batch: list[tuple[str, str, str]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS:
            yield batch
            batch = []
    yield batch


def _rows(template: _Template, hoard: Hoard, made: Accepted) -> Iterator[tuple[str, str, str]]:
    for n, image in enumerate(hoard.images):
        versions = [new_id() for _ in range(hoard.versions)]

        def named(text: str, n: int = n, image: str = image) -> str:
            return text.replace(made.image, image).replace(GALLERY, hoard.gallery(n)).replace(NAME, hoard.name(n))

        for kind, id, body in template.image:
            body = named(body)
            if kind == "image":
                body = _varied(body, n, hoard)
            elif kind == "roster":
                body = msgspec.json.encode({"versions": versions}).decode()
            yield kind, named(id), body
        for number, version in enumerate(versions):
            job = new_id()
            for kind, id, body in (*template.version, *template.jobs):
                here = named(body).replace(made.version, version).replace(made.job, job)
                if kind in ("version", "number", "job"):
                    here = here.replace('"1.0.0"', f'"{hoard.number(number)}"')
                    here = here.replace("000000001000000000000000000", f"000000001{number:09d}000000000")
                there = named(id).replace(made.version, version).replace(made.job, job)
                if kind == "job" and there == id:
                    there = new_id()
                yield kind, there.replace("/1.0.0", f"/{hoard.number(number)}"), here


def _varied(body: str, n: int, hoard: Hoard) -> str:
    """The image's document with what tells it from the others."""
    image = msgspec.json.decode(body)
    image["highest"] = hoard.number(hoard.versions - 1)
    image["versions"] = hoard.versions
    image["os_type"] = "windows" if n % 2 else "linux"
    image["description"] = f"Golden image number {n} of team {n % hoard.teams}"
    image["tags"] = {"team": f"team-{n % hoard.teams}", "tier": "gold" if n % 10 == 0 else "silver"}
    image["created"] = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=n)).isoformat()
    image["life"] = {**image.get("life", {}), "disabled": n % 100 == 99}
    return msgspec.json.encode(image).decode()
