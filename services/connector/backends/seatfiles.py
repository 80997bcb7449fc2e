"""What the files in a seat's folder say: what it is, who uses it, what an endpoint did."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import msgspec

from connector.backends import folders
from connector.domain.desktop import Desktop, Found
from connector.failures import Refused

DESKTOP: Final = "desktop.json"
CAPSULE: Final = "capsule.json"
SESSION: Final = "session.json"
ENDPOINT: Final = "endpoint.json"
UNKNOWN: Final = "unknown"
"""The user of a seat whose session cannot be read: it is better taken for one in use than taken away from somebody."""


class _Session(msgspec.Struct, frozen=True):
    user: str | None = ""
    last_used: datetime | None = None


class _Endpoint(msgspec.Struct, frozen=True):
    state: str = ""
    version: str = ""


_desktop = msgspec.json.Decoder(Desktop).decode
_session = msgspec.json.Decoder(_Session).decode
_endpoint = msgspec.json.Decoder(_Endpoint).decode


def found(name: str, pool: int) -> Found | None:
    """The seat in the folder ``name`` of the open folder ``pool``; None when it went away."""
    try:
        with folders.folder(name, pool) as at:
            desktop = _described(at)
            session = _logged_on(at)
            step = _step(at, desktop.version) if desktop is not None else ""
            missing = _missing(desktop, at) if desktop is not None else ""
    except FileNotFoundError:
        return None
    if desktop is not None and desktop.name != name:
        desktop = None
    return Found(
        name=name,
        desktop=desktop,
        user=_printable(session.user or ""),
        last_used=_in_utc(session.last_used),
        step=step,
        missing=missing,
    )


def user(name: str, pool: int) -> str:
    """Who uses the seat in the folder ``name``; empty when nobody does."""
    with folders.folder(name, pool) as at:
        return _logged_on(at).user or ""


def spots(name: str, pool: int) -> set[tuple[str, str]] | None:
    """Where the bases of a seat are, by datastore and version; None when that cannot be read."""
    try:
        with folders.folder(name, pool) as at:
            desktop = _described(at)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    if desktop is None:
        return None
    return {(disk.datastore, desktop.version) for disk in desktop.disks if disk.base}


def _described(at: int) -> Desktop | None:
    try:
        return _desktop(folders.read(DESKTOP, at))
    except (Refused, *folders.UNREADABLE):
        return None


def _logged_on(at: int) -> _Session:
    try:
        return _session(folders.read(SESSION, at))
    except Refused as error:
        return _Session() if error.failure.code == "file_not_found" else _Session(UNKNOWN)
    except folders.UNREADABLE:
        return _Session(UNKNOWN)


def _step(at: int, version: str) -> str:
    """What an endpoint did last with ``version``; a word about another one is an old word."""
    try:
        said = _endpoint(folders.read(ENDPOINT, at))
    except (Refused, *folders.UNREADABLE):
        return ""
    return said.state if said.version in ("", version) else ""


def _missing(desktop: Desktop, at: int) -> str:
    """The first file that a disk of the seat needs and that is not there; empty when all are."""
    for name in (name for disk in desktop.disks for name in (disk.file, disk.base) if name):
        try:
            os.stat(name, dir_fd=at)
        except (OSError, ValueError):  # also one that no file can have
            return _printable(name)
    return ""


def _in_utc(moment: datetime | None) -> datetime | None:
    """None also for a time that is none in UTC: before the first year, or after the last."""
    if moment is None:
        return None
    try:
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:128])


def describe(desktop: Desktop, at: int) -> None:
    """Write what a seat is, and what a capsule consists of and how it is handled: that is the same on every pod."""
    capsule = None if desktop.capsule is None else msgspec.json.encode(desktop.capsule, order="deterministic")
    if capsule is None:
        folders.remove_file(CAPSULE, at)
    elif capsule != _capsule(at):
        folders.write(CAPSULE, at, capsule)
    folders.write(DESKTOP, at, msgspec.json.encode(desktop))


def _capsule(at: int) -> bytes | None:
    with suppress(Refused):
        return folders.read(CAPSULE, at)
    return None
