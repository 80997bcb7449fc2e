"""Writing an upload: hashed on the way in, zeros left as holes, and nothing promised that is not durable.

A SHA-256 cannot be written down half done: after a restart what is already here is read and hashed again, at the end,
so that no sender waits for it in between.
"""

import errno
import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from connector.backends.arrivals import Arrival, Arrivals
from connector.failures import refused
from connector.transfer.chunks import ALIGN, ZEROS
from contracts.manifest import CHUNK

if TYPE_CHECKING:
    from hashlib import _Hash

STEP: Final = "upload"
SETTLE: Final = 128 * 1024 * 1024
"""Bytes after which what arrived is made durable and promised; so much is sent again after a crash at most."""
_READ: Final = 4 * 1024 * 1024
_ZERO: Final = ZEROS[:CHUNK]


@dataclass(frozen=True)
class Hashed:
    """The hash over the first ``offset`` bytes of an upload, kept from one request to the next."""

    offset: int = 0
    sha256: "_Hash" = field(default_factory=hashlib.sha256)


class Writer:
    """One request's hold on an upload. All methods block; `close` always.

    With ``atomic`` nothing is promised before `settle`: a request whose body has a checksum counts whole or not at all.
    """

    def __init__(self, arrivals: Arrivals, arrival: Arrival, known: Hashed | None, *, atomic: bool = False) -> None:
        self._arrivals = arrivals
        self._arrival = arrival
        self._atomic = atomic
        self._begin = arrival.offset
        self.offset = arrival.offset
        self._fd = arrivals.open(arrival.id)
        self._direct = -1
        try:
            # What lies behind the promise may be anything, and a hole is what zeros are left as.
            os.ftruncate(self._fd, self.offset)
            os.ftruncate(self._fd, arrival.size)
            fits = known is not None and known.offset == self.offset
            self._first = known.sha256 if known is not None and fits else hashlib.sha256() if not self.offset else None
            self._sha = self._first.copy() if self._first is not None else None
            self._direct = _open_direct(self._fd)
        except BaseException:
            self.close()
            raise

    @property
    def left(self) -> int:
        """Bytes that are still to come."""
        return self._arrival.size - self.offset

    @property
    def hashed(self) -> Hashed | None:
        """For the next request; None when what came before this one was not hashed by this process."""
        return Hashed(self.offset, self._sha.copy()) if self._sha is not None else None

    def write(self, view: memoryview) -> None:
        """Take the next bytes; past the page cache where memory and offset lie on a block."""
        at = 0
        while at < len(view):
            end, data = _run(view, at, self.offset)
            if data:
                self._put(view[at:end], self.offset + at)
            at = end
        if self._sha is not None:
            self._sha.update(view)  # only now: what could not be written is not part of it
        self.offset += len(view)
        if not self._atomic and self.offset - self._arrival.offset >= SETTLE:
            self.settle()

    def settle(self) -> None:
        """Make durable what arrived, and promise it."""
        if self.offset != self._arrival.offset:
            os.fsync(self._fd)
            self._arrival = msgspec.structs.replace(self._arrival, offset=self.offset)
            self._arrivals.note(self._arrival)

    def rewind(self, offset: int) -> None:
        """Forget everything from ``offset`` on."""
        self.offset = offset
        self._arrival = msgspec.structs.replace(self._arrival, offset=offset)
        self._arrivals.note(self._arrival)
        os.ftruncate(self._fd, offset)
        os.ftruncate(self._fd, self._arrival.size)
        before = hashlib.sha256() if offset == 0 else self._first if offset == self._begin else None
        self._sha = before.copy() if before is not None else None

    def undo(self) -> None:
        """Forget what this request brought."""
        self.rewind(self._begin)

    def finish(self) -> Arrival:
        """All is here: the file gets its name.

        Raises:
            Refused: ``checksum_mismatch``, and the upload begins anew; ``file_exists``.
        """
        self.settle()
        self._sha = self._sha or self._hashed()
        found, wanted = self._sha.hexdigest(), self._arrival.sha256
        if wanted is not None and found != wanted:
            self.rewind(0)
            raise refused(
                "checksum_mismatch", STEP, f"The file has SHA-256 {found}", hint="Send it again from its beginning."
            )
        return self._arrivals.land(self._arrival, self._fd, found)

    def close(self) -> None:
        for fd in (self._direct, self._fd):
            if fd >= 0:
                os.close(fd)
        self._direct = self._fd = -1

    def _hashed(self) -> "_Hash":
        sha, at = hashlib.sha256(), 0
        while at < self.offset:
            data = os.pread(self._fd, min(_READ, self.offset - at), at)
            if not data:
                raise OSError(errno.EIO, "the upload's file is shorter than it was")
            sha.update(data)
            at += len(data)
        return sha

    def _put(self, view: memoryview, offset: int) -> None:
        whole = len(view) // ALIGN * ALIGN if offset % ALIGN == 0 and self._direct >= 0 else 0
        if whole:
            try:
                _write(self._direct, view[:whole], offset)
            except OSError as error:
                if error.errno != errno.EINVAL:  # memory that does not lie on a block
                    raise
                whole = 0
        _write(self._fd, view[whole:], offset + whole)


def _run(view: memoryview, at: int, base: int) -> tuple[int, bool]:
    """The end of the longest run from ``at`` on that is all zero, or has no zero chunk; and whether it has data.

    Chunks are those of the file, in which ``view`` begins at ``base``.
    """
    kind: bool | None = None
    while at < len(view):
        end = min(at + CHUNK - (base + at) % CHUNK, len(view))
        data = bytes(view[at:end]) != _ZERO[: end - at]
        if kind is None:
            kind = data
        elif data != kind:
            break
        at = end
    return at, bool(kind)


def _open_direct(fd: int) -> int:
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT):
            return -1
        raise


def _write(fd: int, view: memoryview, offset: int) -> None:
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def checksum(algorithm: str) -> Any:
    """A hash for the body of one request, by its name in tus: ``sha1`` or ``sha256``; None for any other."""
    if algorithm == "sha1":
        return hashlib.sha1(usedforsecurity=False)
    return hashlib.sha256() if algorithm == "sha256" else None
