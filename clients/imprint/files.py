"""Disk files over the HTTP API: sent to a pod, and a version's disk read into a file; both go on after a cut."""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from imprint.client import Client, image_path, problem_of
from imprint.exits import AWAY, CommandFailure, Exit, HttpProblem, ImprintError, UnreachableError

PIECE: Final = 1024 * 1024
BLOCK: Final = 64 * 1024
PATIENCE: Final = 60.0
"""Seconds without a byte of progress after which a broken transfer is given up; the next call goes on with it."""
_ZEROS: Final = bytes(BLOCK)
PASSING: Final = frozenset({"upload_busy", "upload_offset", "unavailable", "timeout", "busy", "pod_offline"})
"""Codes that another try may not meet again."""

Advance = Callable[[int, int], None]
"""Bytes done, bytes in all."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is on a pod."""

    upload: str
    pod: str
    name: str
    size: int
    sha256: str


class Got(msgspec.Struct, frozen=True, kw_only=True):
    """A disk that was read into a file."""

    file: str
    version: str
    lun: int
    size: int
    sha256: str


class _Patience:
    """Gives up when nothing moves for too long; waits a little longer after each failure."""

    def __init__(self) -> None:
        self._since, self._pause, self._at = time.monotonic(), 0.2, -1

    async def failed(self, at: int, error: Exception) -> None:
        """Wait before another try. Raises ``error`` when there was no progress for `PATIENCE` seconds."""
        now = time.monotonic()
        if at != self._at:
            self._since, self._pause, self._at = now, 0.2, at
        if now - self._since > PATIENCE:
            raise error
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, 5.0)


async def upload(client: Client, file: Path, pod: str, name: str, advance: Advance) -> Sent:
    """Send a file to a pod's incoming folder as ``name``.

    The same file (by path, size and time) sent again goes on where an earlier call ended, also of another process.

    Raises:
        CommandFailure: the pod has other bytes than the file, or the file changed meanwhile.
    """
    with file.open("rb") as source:
        status = os.fstat(source.fileno())
        size = status.st_size
        headers = {"Upload-Length": str(size), "Idempotency-Key": _key(file, status, pod, name)}
        begun = await client.send("POST", "/v1/uploads", json={"pod": pod, "name": name}, headers=headers)
        location = begun.headers["location"]
        hashed = _Hashed(source.fileno())
        patience, at = _Patience(), -1
        while True:
            try:
                standing = await client.send("HEAD", location)
                at = int(standing.headers["upload-offset"])
                advance(at, size)
                digest = standing.headers.get("repr-digest")
                if digest is None:
                    answer = await _append(client, location, at, size, hashed, advance)
                    digest = answer.headers.get("repr-digest")
                if digest is not None:
                    break
            except (httpx.TransportError, UnreachableError) as error:
                await patience.failed(
                    at, client.unreachable(error) if isinstance(error, httpx.TransportError) else error
                )
            except ImprintError as error:
                if error.problem.code not in PASSING and error.problem.status not in AWAY:
                    raise
                await patience.failed(at, error)
        after = os.fstat(source.fileno())
        found = await asyncio.to_thread(hashed.digest, size)
    if (after.st_size, after.st_mtime_ns) != (size, status.st_mtime_ns) or _repr(found) != digest:
        with suppress(ImprintError, UnreachableError):
            await client.send("DELETE", location)
        hint = "Stop what writes to the file, then send it again; what arrived was removed."
        raise CommandFailure(Exit.FAILED, "What arrived is not the file", hint=hint, code="checksum_mismatch")
    return Sent(upload=location.rsplit("/", 1)[1], pod=pod, name=name, size=size, sha256=found)


async def _append(
    client: Client, location: str, at: int, size: int, hashed: "_Hashed", advance: Advance
) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        place = at
        while place < size:
            data = await asyncio.to_thread(hashed.read, place, min(PIECE, size - place))
            if not data:
                raise CommandFailure(Exit.FAILED, "The file became shorter while it was sent")
            yield data
            place += len(data)
            advance(place, size)

    headers = {
        "Tus-Resumable": "1.0.0", "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(size - at),
    }  # fmt: skip
    return await client.send_once(
        "PATCH", location, content=pieces(), headers=headers, timeout=httpx.Timeout(30.0, read=600.0)
    )


class _Hashed:
    """A file with its SHA-256 as far as it was read in order; the rest is read when the digest is wanted."""

    def __init__(self, fd: int) -> None:
        self._fd, self._at, self._sha = fd, 0, hashlib.sha256()

    def read(self, at: int, some: int) -> bytes:
        data = os.pread(self._fd, some, at)
        if at == self._at:
            self._take(data)
        return data

    def digest(self, size: int) -> str:
        while self._at < size and (data := os.pread(self._fd, 4 * PIECE, self._at)):
            self._take(data)
        return self._sha.hexdigest()

    def _take(self, data: bytes) -> None:
        self._sha.update(data)
        self._at += len(data)


async def export(
    client: Client, image: str, number: str, lun: int | None, target: Path, *, force: bool, advance: Advance
) -> Got:
    """Read a disk of a version into a sparse file, verified by its SHA-256.

    Until it is whole it is in ``<target>.<digest>.part`` beside it, from which a later call goes on.

    Raises:
        CommandFailure: there is a file already (and no ``force``), the version has no such disk, or other bytes came.
    """
    if not force and _taken(target):
        raise CommandFailure(Exit.REFUSED, f"{target} exists", hint="Name another file, or replace it with --force.")
    version = await client.version(image, number)
    disks = version.manifest.disks if version.manifest is not None else ()
    disk = next((disk for disk in disks if lun in (None, disk.lun)), None)
    if disk is None:
        what = "no content yet" if version.manifest is None else f"no disk {lun}"
        raise CommandFailure(Exit.REFUSED, f"{image} {version.number} has {what}")
    url = f"{image_path(version.image)}/versions/{version.number}/disks/{disk.lun}/content"
    part = target.with_name(f"{target.name}.{disk.sha256[:16]}.part")
    with _Part(part, disk.size) as file:
        await asyncio.to_thread(file.resume, advance)
        patience = _Patience()
        while file.at < disk.size:
            try:
                await _receive(client, url, file, disk.size, advance)
            except httpx.TransportError as error:
                await patience.failed(file.at, client.unreachable(error))
            except ImprintError as error:
                if error.problem.code not in PASSING and error.problem.status not in AWAY:
                    raise
                await patience.failed(file.at, error)
        found = await asyncio.to_thread(file.finish)
    if found != disk.sha256:
        part.unlink()
        hint = "Export it again; if it stays, a pod has a rotten copy: imprint pod library POD tells."
        raise CommandFailure(Exit.FAILED, "What came is not the disk", hint=hint, code="checksum_mismatch")
    try:
        if force:
            part.replace(target)
        else:
            _name(part, target)
    except FileExistsError:
        raise CommandFailure(Exit.REFUSED, f"{target} exists", hint=f"The disk is in {part}.") from None
    return Got(file=str(target), version=version.number, lun=disk.lun, size=disk.size, sha256=found)


async def _receive(client: Client, url: str, file: "_Part", size: int, advance: Advance) -> None:
    headers = {"Imprint-Wire": "zstd", "Accept": "application/octet-stream"}
    if file.at:
        headers["Range"] = f"bytes={file.at}-"
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code != (206 if file.at else 200):
            await response.aread()
            raise ImprintError(problem_of(response))
        if file.at and response.headers.get("content-range") != f"bytes {file.at}-{size - 1}/{size}":
            raise ImprintError(HttpProblem(status=502, title="The answer is another part of the disk"))
        unpack = _Unpacker(file) if response.headers.get("imprint-wire") == "zstd" else None
        async for piece in response.aiter_raw(BLOCK):
            await asyncio.to_thread(file.take, piece, unpack)
            advance(file.at, size)
    if file.at < size:
        raise httpx.ReadError("the answer ended early")


class _Unpacker:
    """Zstandard frames one after the other, into ``part``, a piece at a time: a few bytes can be gigabytes of zeros."""

    def __init__(self, part: "_Part") -> None:
        import zstandard

        self._wrong = zstandard.ZstdError
        unpack = zstandard.ZstdDecompressor(max_window_size=8 * PIECE)
        self._writer: Any = unpack.stream_writer(part, write_size=PIECE)  # type: ignore[arg-type]

    def feed(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except self._wrong:
            raise httpx.ReadError("the answer is no Zstandard") from None


class _Part:
    """The file under way: ``at`` bytes of it are there. Zeros are left as holes."""

    def __init__(self, path: Path, size: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o644)
        self._size = size
        self._sha = hashlib.sha256()
        self.at = 0

    def __enter__(self) -> "_Part":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def resume(self, advance: Advance) -> None:
        """Take what an earlier call left; its length tells how far it came."""
        have = min(os.fstat(self._fd).st_size, self._size)
        while self.at < have and (data := os.pread(self._fd, min(4 * PIECE, have - self.at), self.at)):
            self._sha.update(data)
            self.at += len(data)
            advance(self.at, self._size)
        os.ftruncate(self._fd, self.at)

    def take(self, piece: bytes, unpack: _Unpacker | None) -> None:
        """Write the next bytes, which may be packed."""
        if unpack is None:
            self.write(piece)
        else:
            unpack.feed(piece)

    def finish(self) -> str:
        """Make it durable; its SHA-256."""
        os.ftruncate(self._fd, self._size)
        os.fsync(self._fd)
        return self._sha.hexdigest()

    def write(self, data: bytes) -> int:
        """Append plain bytes. Raises httpx.ReadError when they are more than the disk has."""
        if self.at + len(data) > self._size:
            raise httpx.ReadError("more came than the disk has")
        self._sha.update(data)
        view, place = memoryview(data), self.at
        while view:
            some = min(BLOCK - place % BLOCK, len(view))
            if bytes(view[:some]) != _ZEROS[:some]:
                done = 0
                while done < some:
                    done += os.pwrite(self._fd, view[done:some], place + done)
            view, place = view[some:], place + some
        # The length is what a later call goes by: never more than what is written.
        os.ftruncate(self._fd, place)
        self.at = place
        return len(data)


def _key(file: Path, status: os.stat_result, pod: str, name: str) -> str:
    """The same for the same file and place, so that the server knows an upload that is to go on."""
    look = (str(file.resolve()), status.st_ino, status.st_size, status.st_mtime_ns, pod, name)
    return hashlib.sha256(repr(look).encode()).hexdigest()


def _name(part: Path, target: Path) -> None:
    """Give a file its name. Raises FileExistsError, and replaces nothing."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: FAT, some shares
        if _taken(target):
            raise FileExistsError(target) from None
        part.rename(target)
    else:
        part.unlink()


def _taken(target: Path) -> bool:
    return target.exists() or target.is_symlink()


def _repr(sha256: str) -> str:
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
