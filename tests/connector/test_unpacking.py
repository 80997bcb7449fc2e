"""The import plug-in that unpacks compressed disk files: what comes of each kind, what bounds it, and what a crash
leaves (features.md B13)."""

import gzip
import lzma
import os
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any

import disk_images as images
import pytest
import zstandard
from desk import Desk, running
from pods import Pod, allocated

from connector import importing, messages, unpacking
from connector.backends.staging import DirectoryStaging
from connector.domain.tasks import Discard, Import
from connector.failures import Cancel, Cancelled, Refused
from connector.formats import packed
from connector.importing import Prepared, prepare
from connector.removing import discard
from connector.room import RESERVE
from contracts.manifest import CHUNK, Source
from harness.wait import until
from runtime.ids import new_id

Pods = Callable[..., Pod]
CONTENT = os.urandom(70_000) + bytes(3_000_000) + b"data" * 50_001
PLUGINS = ("image_decompression", "inject_image_metadata")


def xz(content: bytes) -> bytes:
    return lzma.compress(content, preset=1)


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=False).compress(content)


PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "xz": xz, "zstd": zstd}
EACH = pytest.mark.parametrize("kind", sorted(PACK))


class Killed(BaseException):
    """What stands for kill -9."""


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1", door=False)


def task_of(pod: Pod, content: bytes, name: str = "disk.img", **more: Any) -> Import:
    return pod.import_task(pod.file(name, content), **({"plugins": PLUGINS} | more))


def made(pod: Pod, task: Import) -> Prepared:
    found = pod.prepare(task)
    assert pod.leftovers() == []
    return found


def kept(pod: Pod, task: Import) -> bytes:
    return pod.disk(pod.backend.find(task.version)).read_bytes()


def refusal_of(pod: Pod, task: Import, most: int = 1 << 41) -> str:
    """The code with which the import is refused, which leaves nothing behind."""
    with pytest.raises(Refused) as refusal:
        prepare(pod.backend, task, most, pod.meter(), Cancel())
    discard(pod.backend, Discard(version=task.version, saga="", given_up=True))
    assert pod.leftovers() == []
    assert pod.backend.items() == []
    assert refusal.value.failure.hint
    return refusal.value.failure.code


@EACH
@pytest.mark.parametrize("name", ["disk.img", "disk.raw", "disk.gz", "disk.zst"])
def test_b13_a_compressed_file_becomes_a_version_of_what_it_holds_whatever_its_name(
    pod: Pod, kind: str, name: str
) -> None:
    packed = PACK[kind](CONTENT)
    task = task_of(pod, packed, name)
    (disk,) = made(pod, task).manifest.disks
    assert (disk.format, disk.size, disk.virtual_size, disk.preallocated) == ("raw", len(CONTENT), len(CONTENT), False)
    assert kept(pod, task) == CONTENT
    assert allocated(pod.disk(pod.backend.find(task.version))) < len(CONTENT), "zeros stay holes"
    assert (pod.folder / "incoming" / name).read_bytes() == packed


@EACH
def test_b13_the_same_disk_is_the_same_version_however_it_came(pod: Pod, kind: str) -> None:
    plain, compressed = task_of(pod, CONTENT), task_of(pod, PACK[kind](CONTENT), "packed")
    (one,), (other,) = made(pod, plain).manifest.disks, made(pod, compressed).manifest.disks
    assert (one.root, one.sha256) == (other.root, other.sha256)


@pytest.mark.parametrize("content", [b"", b"\x1f", CONTENT[:1000], images.mbr(), images.qcow2()])
def test_b13_a_file_that_is_not_compressed_passes_as_it_is(pod: Pod, content: bytes) -> None:
    task = task_of(pod, content, "disk.gz")
    if content:
        made(pod, task)
        assert kept(pod, task) == content
    else:
        assert refusal_of(pod, task) == "file_empty"


def test_b13_without_the_plugin_a_compressed_file_is_refused_by_the_gate(pod: Pod) -> None:
    assert refusal_of(pod, task_of(pod, gzip.compress(CONTENT), plugins=())) == "format_unknown"


def test_b13_disks_that_are_in_use_are_not_unpacked(pod: Pod) -> None:
    task = pod.import_task(pod.vm(os_disk=gzip.compress(CONTENT)), plugins=PLUGINS)
    assert refusal_of(pod, task) == "format_unknown"
    whole = pod.import_task(pod.vm("whole"), plugins=PLUGINS)
    assert made(pod, whole).manifest.size == 300_000


def test_b13_an_upload_is_unpacked(pod: Pod) -> None:
    id, content = new_id(), gzip.compress(CONTENT)
    arrival = pod.backend.arrivals.begin(id, "sent.img.gz", len(content), None)
    fd = pod.backend.arrivals.open(id)
    os.pwrite(fd, content, 0)
    pod.backend.arrivals.land(arrival, fd, "0" * 64)
    os.close(fd)
    task = pod.import_task(Source(pod=pod.name, kind="upload", name=id), plugins=PLUGINS)
    pod.prepare(task)
    assert kept(pod, task) == CONTENT


@EACH
def test_b13_streams_one_after_the_other_are_one_content(pod: Pod, kind: str) -> None:
    halves = CONTENT[:1_000_001], CONTENT[1_000_001:]
    task = task_of(pod, b"".join(PACK[kind](half) for half in halves))
    made(pod, task)
    assert kept(pod, task) == CONTENT


def test_b13_what_the_formats_allow_between_streams_is_no_garbage(pod: Pod) -> None:
    skippable = struct.pack("<II", 0x184D2A53, 500_000) + bytes(500_000)
    for name, content in (("one", xz(b"\1" * 99) + bytes(8)), ("two", zstd(b"\1" * 99) + skippable)):
        task = task_of(pod, content, name)
        made(pod, task)
        assert kept(pod, task) == b"\1" * 99


@EACH
@pytest.mark.parametrize("end", [b"\0", b"garbage behind it", b"\0" * 3])
def test_b13_something_else_behind_the_end_is_refused(pod: Pod, kind: str, end: bytes) -> None:
    assert refusal_of(pod, task_of(pod, PACK[kind](CONTENT) + end)) == "decompression_failed"


@EACH
@pytest.mark.parametrize("left", [7, 9, 20, 1000, -9, -4, -1])
def test_b13_a_file_that_ends_early_is_refused(pod: Pod, kind: str, left: int) -> None:
    assert refusal_of(pod, task_of(pod, PACK[kind](CONTENT)[:left])) == "decompression_failed"


@EACH
def test_b13_a_damaged_file_is_refused(pod: Pod, kind: str) -> None:
    content = bytearray(PACK[kind](CONTENT))
    content[40_000] ^= 0xFF
    assert refusal_of(pod, task_of(pod, bytes(content))) == "decompression_failed"


def test_b13_a_window_that_would_take_much_memory_is_refused(pod: Pod) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    wide = compressor.compress(b"x" * 1000) + compressor.flush()
    assert refusal_of(pod, task_of(pod, wide)) == "decompression_failed"
    deep = bytearray(xz(b"x" * 1000))
    header = slice(12, 12 + deep[12] * 4)  # behind the stream's header: the first block's, with a CRC at its end
    deep[12 + 4] = 40  # the dictionary of its only filter: 4 GiB
    deep[header.stop : header.stop + 4] = struct.pack("<I", zlib.crc32(deep[header]))
    with pytest.raises(Refused, match=r"[Mm]emory"):
        pod.prepare(task_of(pod, bytes(deep)))


@EACH
def test_b13_a_bomb_stops_at_the_limit_of_virtual_disks(pod: Pod, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    write = unpacking._write

    def watched(fd: int, data: bytes, offset: int, bounds: Any) -> None:
        nonlocal largest
        largest = max(largest, offset + len(data))
        write(fd, data, offset, bounds)

    monkeypatch.setattr(unpacking, "_write", watched)
    bomb = PACK[kind](bytes(64 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert refusal_of(pod, task_of(pod, bomb), most=4 * 1024 * 1024) == "virtual_size"
    assert largest <= unpacking.most_bytes(4 * 1024 * 1024)


@EACH
def test_b13_pieces_are_bounded_however_much_a_few_bytes_stand_for(pod: Pod, kind: str) -> None:
    source = pod.folder / "incoming" / "bomb"
    source.write_bytes(PACK[kind](bytes(32 * 1024 * 1024)))
    read: list[int] = []
    with source.open("rb") as file:
        sizes = [len(piece) for piece in packed.content(file.fileno(), kind, read.append)]  # type: ignore[arg-type]
    assert max(sizes) <= packed.PIECE
    assert sum(sizes) == 32 * 1024 * 1024
    assert sum(read) == source.stat().st_size


def test_b13_i3_what_the_quotas_leave_bounds_what_is_unpacked(pod: Pod) -> None:
    content = gzip.compress(CONTENT)
    assert refusal_of(pod, task_of(pod, content, room=len(CONTENT) - 1)) == "quota_exceeded"
    task = task_of(pod, content, room=len(CONTENT))
    assert made(pod, task).manifest.size == len(CONTENT)


def test_b13_a_datastore_that_is_full_stops_it_before_it_is_filled(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DirectoryStaging, "free", lambda _: RESERVE + CHUNK)
    task = task_of(pod, gzip.compress(os.urandom(4 * CHUNK)))
    assert refusal_of(pod, task) == "no_space"


def test_b13_what_was_unpacked_passes_the_gate_as_any_file(pod: Pod) -> None:
    good = task_of(pod, gzip.compress(images.qcow2()), "good", file_type="qcow2")
    assert made(pod, good).manifest.disks[0].format == "qcow2"
    discard(pod.backend, Discard(version=good.version, saga=""))
    bad = gzip.compress(images.qcow2(backing="/etc/passwd"))
    assert refusal_of(pod, task_of(pod, bad)) == "backing_file"
    assert refusal_of(pod, task_of(pod, gzip.compress(gzip.compress(CONTENT)))) == "format_unknown"
    assert refusal_of(pod, task_of(pod, gzip.compress(b""))) == "file_empty"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often something is unpacked from now on."""
    found: list[str] = []
    content = packed.content

    def watched(fd: int, kind: Any, read: Any) -> Any:
        found.append(kind)
        return content(fd, kind, read)

    monkeypatch.setattr(unpacking, "content", watched)
    return found


@pytest.mark.parametrize("label", ["import.unpacked", "import.copied", "import.renamed"])
def test_b13_an_import_that_was_killed_goes_on_behind_the_step_that_is_done(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    begun, task = counted(monkeypatch), task_of(pod, gzip.compress(CONTENT))
    left = [label]

    def crash_at(reached: str) -> None:
        if reached in left:
            left.clear()
            raise Killed

    monkeypatch.setattr(importing, "crash_at", crash_at)
    with pytest.raises(Killed):
        pod.prepare(task)
    made(pod, task)
    assert begun == ["gzip"]
    assert kept(pod, task) == CONTENT


def test_b13_an_import_that_was_killed_amid_a_step_does_it_anew(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    task, write = task_of(pod, gzip.compress(os.urandom(3_000_000))), unpacking._write

    def killed(*given: Any) -> None:
        write(*given)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(unpacking, "_write", killed)
        with pytest.raises(Killed):
            pod.prepare(task)
    begun = counted(monkeypatch)
    assert made(pod, task).manifest.size == 3_000_000
    assert begun == ["gzip"]


def test_b13_a_file_that_is_another_now_is_unpacked_anew(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, task = counted(monkeypatch), task_of(pod, gzip.compress(b"\1" * 5000))
    with monkeypatch.context() as patched:
        patched.setattr(importing, "_check_space", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            pod.prepare(task)
    pod.file(task.source.name, xz(b"\2" * 9000))
    made(pod, task)
    assert kept(pod, task) == b"\2" * 9000
    assert begun == ["gzip", "xz"]


def test_b13_an_import_that_is_cancelled_while_it_unpacks_stops(pod: Pod) -> None:
    cancel = Cancel()
    cancel.set()
    task = task_of(pod, gzip.compress(CONTENT))
    with pytest.raises(Cancelled):
        pod.prepare(task, cancel)
    discard(pod.backend, Discard(version=task.version, saga=""))
    assert pod.leftovers() == []


NOTHING: dict[str, bytes] = {
    "gzip": gzip.compress(b"x") + gzip.compress(b"") * 30_000,
    "xz": xz(b"x") + bytes(1_000_000),
    "zstd": zstd(b"x") + struct.pack("<II", 0x184D2A50, 1_000_000) + bytes(1_000_000),
}
"""One byte, and much to read of which nothing comes."""


@EACH
def test_b13_an_import_of_which_nothing_is_unpacked_for_long_can_be_cancelled_all_the_same(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    cancel, content, behind = Cancel(), packed.content, list[int]()

    def late(fd: int, kind: Any, read: Callable[[int], None]) -> Any:
        def watched(size: int) -> None:
            read(size)
            behind.extend([size] * cancel.is_set())

        for piece in content(fd, kind, watched):
            yield piece
            cancel.set()

    monkeypatch.setattr(unpacking, "content", late)
    with pytest.raises(Cancelled):
        pod.prepare(task_of(pod, NOTHING[kind]), cancel)
    assert behind == [], "it stops at the next look at the file"


def test_b13_a_zstd_file_that_begins_with_a_skippable_frame_is_unpacked_too(pod: Pod) -> None:
    task = task_of(pod, struct.pack("<III", 0x184D2A50, 4, 99) + zstd(CONTENT))
    made(pod, task)
    assert kept(pod, task) == CONTENT


async def test_b13_the_end_of_a_step_is_told_and_signs_of_life_before(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, content = threading.Event(), packed.content

    def slow(*given: Any) -> Any:
        go.wait(10)
        return content(*given)

    monkeypatch.setattr(unpacking, "content", slow)
    async with running(Desk(pod, heartbeat=0.01)) as desk:
        task = task_of(pod, gzip.compress(CONTENT), saga="saga")
        desk.want(task)

        async def several() -> bool:
            return len(desk.begun) >= 3

        await until(several)
        assert set(desk.begun) == {messages.ImportBegun(version=task.version, attempt=1)}
        go.set()
        assert await desk.outcome() == messages.ImportStepped(version=task.version, attempt=1, position=1)
