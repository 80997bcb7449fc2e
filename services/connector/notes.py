"""That a disk of a source was copied, noted in the staging folder: after a crash it is not copied again."""

import os

import msgspec

from connector.backends import folders
from connector.backends.base import SourceDisk, Staging
from connector.failures import Refused

Look = tuple[int, int, int, int]
"""What tells one state of a source file from another."""


class Copied(msgspec.Struct, frozen=True):
    """From which state of the source a disk was copied, and what came out; digests in hex."""

    source: Look
    root: str
    sha256: str


def look(disk: SourceDisk) -> Look:
    """The state that a source is in now."""
    status = os.fstat(disk.fd)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def read(disk: SourceDisk, staging: Staging) -> Copied | None:
    """The note of an earlier try about this very state of the source."""
    try:
        note = msgspec.json.decode(folders.read(_name(disk), staging.folder), type=Copied)
    except (Refused, *folders.UNREADABLE):
        return None
    return note if note.source == look(disk) else None


def write(disk: SourceDisk, staging: Staging, copied: Copied) -> None:
    """Note it; durable on return. Raises OSError."""
    folders.write(_name(disk), staging.folder, msgspec.json.encode(copied))


def remove(disk: SourceDisk, staging: Staging) -> None:
    folders.remove_file(_name(disk), staging.folder)


def _name(disk: SourceDisk) -> str:
    return f"copied-{disk.lun}.json"
