"""The disks that seats of pools are overlays of: ``datastores/<name>/bases/<version>/disk-<lun>.<format>``.

A base is another name (a hard link) of the file of the library's item. So it takes no room while the item is there, and
when the copy is withdrawn, the library removes its item as always, while the bytes stay for as long as a seat needs
them. Where the file system knows no hard links, a base is a copy that shares blocks if that is possible.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from connector.backends import folders, reflink
from connector.backends.base import Placed, data_name
from connector.backends.datastores import Datastores
from connector.backends.library import Library
from connector.failures import Refused
from contracts.manifest import Disk

PART: Final = "bases"

log = structlog.get_logger()

Spots = Collection[tuple[str, str]]
"""Datastores and versions."""


class Bases:
    """The bases of a pod. Safe for use by several threads."""

    def __init__(self, datastores: Datastores, library: Library) -> None:
        self._datastores = datastores
        self._library = library
        self._guard = threading.Lock()
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def taken(self, placed: Placed) -> Iterator[None]:
        """While the block runs `settle` leaves the bases of the item alone: a seat is being made that will need
        them."""
        spot = placed.datastore, placed.item.version
        with self._guard:
            self._taken[spot] += 1
        try:
            yield
        finally:
            with self._guard:
                self._taken[spot] -= 1

    def hold(self, placed: Placed, disk: Disk) -> str:
        """Make the disk of an item a base, or find it made; its path within the pod's folder. Raises Refused, OSError:
        the item went away."""
        version, name = placed.item.version, data_name(disk.lun, disk.format)
        with (
            self._guard,
            self._datastores.part(placed.datastore, "items") as items,
            folders.folder(version, items) as item,
            self._datastores.part(placed.datastore, PART) as bases,
        ):
            at = folders.ensure_folder(version, bases)
            try:
                if not _same(name, item, at):
                    _link(name, item, at)
                    os.fsync(at)
                    os.fsync(bases)
            finally:
                os.close(at)
        return f"datastores/{placed.datastore}/{PART}/{version}/{name}"

    def settle(self, needed: Callable[[], Spots | None]) -> None:
        """Remove the bases that are not ``needed`` (asked while none can come; None: nobody knows, all stay). Those of
        items that were repaired since become what the items are now."""
        with self._guard:
            if (used := needed()) is None:
                return
            used = {*used, *(spot for spot, count in self._taken.items() if count > 0)}
            for datastore, bases in self._datastores.having(PART):
                for version in folders.names(bases):
                    if (datastore, version) not in used:
                        log.info("base_removed", version=version, datastore=datastore)
                        folders.remove_tree(version, bases)
                    elif (placed := self._item(version, datastore)) is not None:
                        self._renew(placed, bases)

    def _item(self, version: str, datastore: str) -> Placed | None:
        placed = self._library.find(version, datastore)
        return placed if placed is not None and placed.intact else None

    def _renew(self, placed: Placed, bases: int) -> None:
        version = placed.item.version
        with (
            self._datastores.part(placed.datastore, "items") as items,
            folders.folder(version, items) as item,
            folders.folder(version, bases) as at,
        ):
            for disk in placed.item.manifest.disks:
                name = data_name(disk.lun, disk.format)
                if folders.has_file(name, at) and not _same(name, item, at):
                    log.info("base_renewed", version=version, datastore=placed.datastore, disk=disk.lun)
                    _link(name, item, at)
                    os.fsync(at)


def _same(name: str, item: int, at: int) -> bool:
    """Whether the base is what the item has; a copy has its size and its time."""
    try:
        ours = os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    theirs = os.stat(name, dir_fd=item, follow_symlinks=False)
    return os.path.samestat(ours, theirs) or (
        ours.st_nlink == 1 and (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
    )


def _link(name: str, item: int, at: int) -> None:
    temporary = f".{name}.new"
    folders.remove_file(temporary, at)
    try:
        os.link(name, temporary, src_dir_fd=item, dst_dir_fd=at, follow_symlinks=False)
    except OSError as error:
        if error.errno not in reflink.NO_LINKS:
            raise
        _copy(name, item, temporary, at)
    os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)


def _copy(name: str, item: int, temporary: str, at: int) -> None:
    source = folders.open_file(name, item)
    try:
        reflink.copied(source, at, temporary)
        status = os.fstat(source)
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=at, follow_symlinks=False)
        os.chmod(temporary, 0o440, dir_fd=at)
    except (OSError, Refused):
        folders.remove_file(temporary, at)
        raise
    finally:
        os.close(source)
