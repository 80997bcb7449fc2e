"""Any image, any base, any interleaving of failures: the copy is bit-identical, or the failure is reported."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from misbehaving import Behaviour, misbehaving
from pods import Hub, Pod, served

from connector.copying import Made
from connector.domain.tasks import Copy
from connector.failures import Refused
from contracts.errors import FAILURES, Failure
from contracts.events.to_pods import Holder
from contracts.manifest import CHUNK, Manifest, Source
from harness.digests import sha256_of

LENGTHS = st.one_of(
    st.sampled_from([1, 511, 512, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), st.integers(1, 9 * CHUNK)
)
PIECES = st.tuples(st.sampled_from(["hole", "zeros", "data", "same"]), LENGTHS)
IMAGES = st.one_of(
    st.lists(PIECES, max_size=9),
    # Larger than a span, so that there is something to share out among holders.
    st.lists(PIECES, min_size=1, max_size=4).map(lambda pieces: [*pieces, ("data", 66 * CHUNK), *pieces]),
)
BASES = st.sampled_from(["none", "itself", "patched", "shifted", "other"])
FAILURES_ = st.sampled_from(
    [
        Behaviour(),
        Behaviour(),
        Behaviour(cut=0),
        Behaviour(cut=1000),
        Behaviour(cut=CHUNK + 7),
        Behaviour(flip=0),
        Behaviour(flip=2),
        Behaviour(flip_index=True),
        Behaviour(length=-1),
        Behaviour(length=3),
        Behaviour(shift=CHUNK),
        Behaviour(status=403),
        Behaviour(status=404),
        Behaviour(status=425),
        Behaviour(status=500),
        Behaviour(status=503),
        Behaviour(garbage=True),
    ]
)
SCRIPTS = st.lists(FAILURES_, max_size=12)


@dataclass
class World:
    source: Pod
    target: Pod


@contextmanager
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="copies-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        hub = Hub(folder)
        pods = [Pod(name, folder / name, hub) for name in ("pod-1", "pod-2")]
        for pod in pods:
            stack.callback(pod.backend.close)
            stack.enter_context(served(pod))
        yield World(*pods)


def published(pod: Pod, name: str, pieces: list[tuple[str, bytes | int]]) -> tuple[str, Manifest]:
    """A version of a file that is made of bytes and of holes (their lengths)."""
    with (pod.folder / "incoming" / name).open("wb") as file:
        for kind, piece in pieces:
            if kind == "hole":
                assert isinstance(piece, int)
                file.seek(piece, os.SEEK_CUR)
            else:
                assert isinstance(piece, bytes)
                file.write(piece)
        file.truncate(file.tell())
    task = pod.import_task(Source(pod=pod.name, kind="file", name=name))
    return task.version, pod.prepare(task).manifest


def filled(pieces: list[tuple[str, int]]) -> list[tuple[str, bytes | int]]:
    same = os.urandom(CHUNK) * 9
    found: list[tuple[str, bytes | int]] = []
    for kind, size in pieces:
        match kind:
            case "hole":
                found.append((kind, size))
            case "zeros":
                found.append((kind, bytes(size)))
            case "same":
                found.append((kind, same[:size]))
            case _:
                found.append((kind, os.urandom(size)))
    return found


def content(pieces: list[tuple[str, bytes | int]]) -> bytes:
    return b"".join(bytes(piece) if isinstance(piece, int) else piece for _, piece in pieces)


def base_of(kind: str, image: bytes) -> bytes:
    match kind:
        case "itself":
            return image
        case "patched":
            return image[: len(image) // 3] + os.urandom(700) + image[len(image) // 3 + 700 :]
        case "shifted":
            return os.urandom(CHUNK) + image
        case _:
            return os.urandom(3 * CHUNK + 5)


def attempted(pod: Pod, task: Copy, *, threads: int, readback: bool) -> tuple[Made | None, Failure | None]:
    try:
        return pod.copy(task, threads=threads, readback=readback), None
    except Refused as refusal:
        return None, refusal.failure


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    pieces=IMAGES,
    base=BASES,
    rotten=st.booleans(),
    first=SCRIPTS,
    second=st.none() | SCRIPTS,
    partial=st.booleans(),
    threads=st.integers(1, 3),
    readback=st.booleans(),
)
def test_a_copy_is_bit_identical_or_its_failure_is_reported(
    pieces: list[tuple[str, int]],
    base: str,
    rotten: bool,
    first: list[Behaviour],
    second: list[Behaviour] | None,
    partial: bool,
    threads: int,
    readback: bool,
) -> None:
    image_pieces = filled(pieces)
    image = content(image_pieces)
    assume(image)  # an empty file is no disk: the import refuses it
    with pytest.MonkeyPatch.context() as patch, world() as pods:
        patch.setattr("connector.transfer.holders.PATIENCE", (0.0, 0.01, 0.01))
        patch.setattr("connector.transfer.schedule.ORPHANED", 0.5)
        source, target = pods.source, pods.target
        if base != "none":
            version, manifest = published(source, "base", [("data", base_of(base, image))])
            made = target.copy(target.copy_task(version, manifest, source))
            if rotten:
                path = target.disk(made.placed)
                path.chmod(0o600)
                with path.open("r+b") as file:
                    file.write(b"rot")
        version, manifest = published(source, "image", image_pieces)
        with ExitStack() as stack:
            holders = [Holder(pod="a", address=stack.enter_context(misbehaving(source, Behaviour(script=first))))]
            if second is not None:
                address = stack.enter_context(misbehaving(source, Behaviour(script=second)))
                holders.append(Holder(pod="b", address=address, complete=not partial))
            task = target.copy_task(version, manifest, holders=tuple(holders))
            made, failure = attempted(target, task, threads=threads, readback=readback)
        if made is None:
            assert failure is not None
            assert failure.code in FAILURES
            assert failure.retry
            assert any(f"{holder.pod}: " in failure.text for holder in holders)
            assert target.backend.find(version) is None
            made = target.copy(target.copy_task(version, manifest, source), threads=threads)
        copied = target.disk(made.placed).read_bytes()
        assert copied == image
        assert sha256_of(copied) == manifest.disks[0].sha256
        assert target.leftovers() == []


EDGES = [1, CHUNK - 1, CHUNK, CHUNK + 1, 64 * CHUNK - 1, 64 * CHUNK, 64 * CHUNK + 1]


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("kind", ["hole", "zeros", "data"])
def test_sizes_at_the_edges_of_chunks_and_spans_are_copied(size: int, kind: str) -> None:
    pieces = filled([(kind, size)])
    with world() as pods:
        version, manifest = published(pods.source, "image", pieces)
        made = pods.target.copy(pods.target.copy_task(version, manifest, pods.source), readback=True)
        assert pods.target.disk(made.placed).read_bytes() == content(pieces)
        if kind != "data":
            assert made.network < 200
