"""Files on their way into a pod's incoming folder: ``.upload-<id>``, with a note of what it is beside it.

What a note promises is durable. The file has its whole size from the start and is a hole where nothing arrived, so
zeros are not written; it gets its own name, by a link that replaces nothing, when all of it is here.
"""

import errno
import os
import re
import time
from typing import Final

import msgspec
import structlog

from connector.backends import folders
from connector.failures import Refused, refused

PREFIX: Final = ".upload-"
RESERVE: Final = 1024 * 1024
"""Bytes that stay free for notes and descriptors."""
_ID: Final = re.compile(r"[0-9a-f]{32}")
_NOTE: Final = re.compile(r"\.upload-([0-9a-f]{32})\.json")

log = structlog.get_logger()


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way. ``sha256`` is what it is to be, if the sender said so; of ``offset`` bytes it is certain that
    they are here. ``done`` is its SHA-256 when it is complete; ``inode`` and ``written`` (ns) then tell which file it
    became: the number alone may be another file's by now."""

    id: str
    name: str
    size: int
    sha256: str | None = None
    offset: int = 0
    done: str = ""
    inode: int = 0
    written: int = 0


_decode = msgspec.json.Decoder(Arrival).decode


class Arrivals:
    """The uploads of a pod; ``at`` is its open incoming folder, which stays its owner's. Safe for several threads, for
    different uploads."""

    def __init__(self, at: int) -> None:
        self._at = at

    def begin(self, id: str, name: str, size: int, sha256: str | None) -> Arrival:
        """A new upload, or the one that is there.

        Raises:
            Refused: ``file_exists``; ``no_space`` for it and for what is still to come of the others.
        """
        known = self.find(id)
        if known is not None:
            if not known.done or self._is_there(known):
                return known
            self.remove(id)  # its file was used up since: the same upload again is a new one
        if name in folders.names(self._at):
            raise refused("file_exists", "upload", f"The pod has a file {name} already")
        self._check_space(size)
        arrival = Arrival(id=_checked(id), name=name, size=size, sha256=sha256)
        fd = os.open(_file(id), os.O_RDWR | os.O_CREAT | os.O_TRUNC | folders.SAFELY, 0o600, dir_fd=self._at)
        try:
            os.ftruncate(fd, size)
            os.fsync(fd)
        except OSError as error:
            folders.remove_file(_file(id), self._at)
            if error.errno == errno.EFBIG:
                raise refused("no_space", "upload", f"The file system takes no file of {size} bytes") from None
            raise
        finally:
            os.close(fd)
        self.note(arrival)
        return arrival

    def find(self, id: str) -> Arrival | None:
        """The upload with this id; one that was complete when a crash came gets its name now."""
        try:
            found = _decode(folders.read(_note(_checked(id)), self._at))
        except Refused as error:
            if error.failure.code == "file_not_found":
                return None
            raise
        except folders.UNREADABLE:
            return None
        if found.done and _file(id) in folders.names(self._at):
            self._land(found)
        return found

    def landed(self, key: str) -> Arrival | None:
        """The finished upload with this id, or the one whose file has this name; the file may be gone since."""
        if _ID.fullmatch(key) is not None:
            found = self.find(key)
            if found is not None:
                return found if found.done else None
        notes = (match[1] for name in folders.names(self._at) if (match := _NOTE.fullmatch(name)) is not None)
        named = (found for id in notes if (found := self.find(id)) is not None and found.name == key and found.done)
        return next(named, None)

    def open(self, id: str) -> int:
        """The upload's file, for reading and writing."""
        return os.open(_file(_checked(id)), os.O_RDWR | folders.SAFELY, dir_fd=self._at)

    def note(self, arrival: Arrival) -> None:
        """Write it down; durable on return."""
        folders.write(_note(arrival.id), self._at, msgspec.json.encode(arrival))

    def land(self, arrival: Arrival, fd: int, sha256: str) -> Arrival:
        """Give the complete and durable file in ``fd`` its name. Raises Refused: ``file_exists``."""
        if arrival.name in folders.names(self._at):
            raise refused("file_exists", "upload", f"The pod has a file {arrival.name} already")
        # Written down first: from here on nobody may write to the file, whatever name it has after a crash.
        file = os.fstat(fd)
        done = msgspec.structs.replace(
            arrival, offset=arrival.size, done=sha256, inode=file.st_ino, written=file.st_mtime_ns
        )
        self.note(done)
        try:
            self._land(done)
        except Refused:
            self.note(msgspec.structs.replace(arrival, offset=arrival.size))
            raise
        return done

    def remove(self, id: str) -> None:
        """Forget an upload and what arrived of it: also the complete file, unless something else has its name or it is
        being imported."""
        known = self.find(id)
        locked = known is not None and f".{known.name}.lock" in folders.names(self._at)
        if known is not None and known.done and not locked and self._is_there(known):
            folders.remove_file(known.name, self._at)
        folders.remove_file(_file(_checked(id)), self._at)
        folders.remove_file(_note(id), self._at)
        os.fsync(self._at)

    def expire(self, age: float) -> None:
        """Forget uploads that nobody continued for ``age`` seconds; a complete file stays, it is the pod's now."""
        for name in folders.names(self._at):
            match = _NOTE.fullmatch(name)
            if match is None or time.time() - os.stat(name, dir_fd=self._at).st_mtime < age:
                continue
            log.info("upload_expired", upload=match[1])
            folders.remove_file(_file(match[1]), self._at)
            folders.remove_file(name, self._at)

    def free(self) -> int:
        """Bytes that may still be written."""
        space = os.fstatvfs(self._at)
        return space.f_bavail * space.f_frsize

    def _check_space(self, size: int) -> None:
        others = 0
        for name in folders.names(self._at):
            match = _NOTE.fullmatch(name)
            other = self.find(match[1]) if match is not None else None
            if other is not None and not other.done:
                others += other.size - other.offset
        free = self.free()
        if size + others + RESERVE > free:
            raise refused("no_space", "upload", f"{size + others} bytes are needed for uploads and {free} are free")

    def _land(self, done: Arrival) -> None:
        try:
            os.link(_file(done.id), done.name, src_dir_fd=self._at, dst_dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            return  # somebody else who looked at the upload was faster
        except FileExistsError:
            if not self._is_there(done):
                raise refused("file_exists", "upload", f"The pod has a file {done.name} already") from None
        folders.remove_file(_file(done.id), self._at)
        os.fsync(self._at)

    def _is_there(self, done: Arrival) -> bool:
        try:
            file = os.stat(done.name, dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (file.st_ino, file.st_mtime_ns) == (done.inode, done.written)


def _file(id: str) -> str:
    return f"{PREFIX}{id}"


def _note(id: str) -> str:
    return f"{PREFIX}{id}.json"


def _checked(id: str) -> str:
    if _ID.fullmatch(id) is None:
        raise ValueError("not the id of an upload")
    return id
