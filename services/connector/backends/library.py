"""The content library in a pod's folder: ``datastores/<name>/items/<version>/``.

An item is ``item.json``, and for each disk its file and its chunk index. It comes about in ``staging`` and becomes an
item by one rename after all of it is durable; it is removed by one rename too, before its bytes go. So whatever is in
``items`` is whole. A version may lie on several datastores: each is an item of its own.
"""

import errno
import os
import threading
from collections.abc import Iterator
from typing import Final

import msgspec
import structlog

from connector.backends import condition, folders
from connector.backends.base import Checked, Corrupt, Item, Placed, Spot, data_name, index_name
from connector.backends.datastores import Datastores, check, trash
from connector.backends.shelf import Shelf
from connector.backends.staging import DirectoryStaging
from connector.failures import Refused, refused
from connector.transfer.index import fits
from contracts.manifest import Disk

STEP: Final = "finalise"
DESCRIPTOR: Final = "item.json"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

log = structlog.get_logger()
_decode = msgspec.json.Decoder(Item).decode


class Library:
    """The items of all datastores of a pod, and on ``shelf`` the intact ones. Safe for use by several threads, for
    different versions."""

    def __init__(self, datastores: Datastores, shelf: Shelf) -> None:
        self._datastores = datastores
        self._shelf = shelf
        self._read: dict[Spot, tuple[tuple[int, int, int], Item]] = {}
        self._guard = threading.Lock()
        self._doubted: set[Spot] = set()
        self._unwritten: dict[Spot, tuple[int, Corrupt]] = {}
        """Marks that the datastore had no room for, with the folders' inodes."""
        self.items()

    # --- items ---------------------------------------------------------------------------------------------------

    def items(self) -> list[Placed]:
        """Every item of every datastore; a descriptor that cannot be read is logged and left out."""
        mark = self._shelf.mark()
        found = []
        for name, items in self._datastores.having("items"):
            placed = (self._placed(Spot(version, name), items) for version in folders.folders(items))
            found += [one for one in placed if one is not None]
        self._shelf.replace(mark, found)
        return found

    def held(self, version: str) -> list[Placed]:
        return list(self._each(version, None))

    def find(self, version: str, datastore: str | None) -> Placed | None:
        found = None
        for placed in self._each(version, datastore):
            if placed.intact:
                return placed
            found = found or placed
        return found

    def finalise(self, staging: DirectoryStaging, item: Item) -> Placed:
        for disk in item.manifest.disks:
            for name in (data_name(disk.lun, disk.format), index_name(disk.lun)):
                os.chmod(name, 0o440, dir_fd=staging.folder)
        condition.clear(staging.folder)
        folders.write(DESCRIPTOR, staging.folder, msgspec.json.encode(item))
        with self._datastores.part(staging.datastore, "items") as items:
            _put(staging, item.version, items)
        placed = Placed(item, staging.datastore, intact=True)
        self._unwritten.pop(placed.spot, None)
        staging.close()
        self.trust(placed.spot)
        self._changed(placed.spot, placed)
        return placed

    def note(self, item: Item, datastore: str) -> Placed:
        placed = self.find(item.version, datastore)
        if placed is None:
            raise refused("finalise_failed", STEP, "The version is not in the library any more", retry=True)
        with self._datastores.part(datastore, "items") as items, folders.folder(item.version, items) as at:
            folders.write(DESCRIPTOR, at, msgspec.json.encode(item))
        noted = Placed(item, datastore, placed.intact, placed.corrupt)
        self._changed(noted.spot, noted)
        return noted

    def remove(self, version: str, datastore: str | None) -> None:
        check(version)
        for name, items in self._datastores.having("items", datastore):
            spot = Spot(version, name)
            if folders.has_folder(version, items):
                with self._datastores.part(name, "staging") as staging:
                    doomed = trash(version)
                    os.rename(version, doomed, src_dir_fd=items, dst_dir_fd=staging)
                    os.fsync(items)
                    self._unwritten.pop(spot, None)
                    self._changed(spot, None)
                    folders.remove_tree(doomed, staging)
            self.trust(spot)

    # --- condition -----------------------------------------------------------------------------------------------

    def folder(self, version: str, datastore: str | None) -> int | None:
        placed = self.find(version, datastore)
        return None if placed is None else self._open(placed.spot)

    def quarantine(self, version: str, folder: int, corrupt: Corrupt) -> Placed | None:
        inode, spot = os.fstat(folder).st_ino, self._spot(version, folder)
        if spot is None:
            return None  # removed or replaced since it was opened
        try:
            condition.mark_corrupt(folder, corrupt)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            log.error("mark_not_written", version=version, datastore=spot.datastore, error=error.strerror)
            self._unwritten[spot] = inode, corrupt
        placed = self.find(*spot)
        self._changed(spot, placed)
        self.trust(spot)
        return placed

    def checked(self, folder: int) -> Checked:
        return condition.checked_in(folder, _decode(folders.read(DESCRIPTOR, folder)))

    def note_checked(self, folder: int, checked: Checked) -> None:
        condition.note_checked(folder, checked)

    def doubt(self, spot: Spot) -> None:
        with self._guard:
            self._doubted.add(spot)

    def doubted(self) -> frozenset[Spot]:
        with self._guard:
            return frozenset(self._doubted)

    def trust(self, spot: Spot) -> None:
        with self._guard:
            self._doubted.discard(spot)

    # --- inside --------------------------------------------------------------------------------------------------

    def _changed(self, spot: Spot, placed: Placed | None) -> None:
        """An own change; what was read of the item before is old."""
        self._read.pop(spot, None)
        self._shelf.put(spot, placed)

    def _each(self, version: str, datastore: str | None) -> Iterator[Placed]:
        check(version)
        for name, items in self._datastores.having("items", datastore):
            if (placed := self._placed(Spot(version, name), items)) is not None:
                yield placed

    def _open(self, spot: Spot) -> int | None:
        with self._datastores.part(spot.datastore, "items") as items:
            try:
                return folders.open_folder(spot.version, items)
            except FileNotFoundError:
                return None

    def _spot(self, version: str, folder: int) -> Spot | None:
        """Which of the version's items lies in the open ``folder``."""
        for placed in self.held(version):
            if (now := self._open(placed.spot)) is None:
                continue
            try:
                if os.path.samestat(os.fstat(now), os.fstat(folder)):
                    return placed.spot
            finally:
                os.close(now)
        return None

    def _placed(self, spot: Spot, items: int) -> Placed | None:
        try:
            with folders.folder(spot.version, items) as at:
                status = os.stat(DESCRIPTOR, dir_fd=at, follow_symlinks=False)
                look = (status.st_ino, status.st_mtime_ns, status.st_size)
                known = self._read.get(spot)
                if known is not None and known[0] == look:
                    item = known[1]
                else:
                    item = _decode(folders.read(DESCRIPTOR, at))
                    self._read[spot] = (look, item)
                if item.version != spot.version:
                    raise refused("finalise_failed", STEP, "item.json is of another version")
                corrupt = condition.corrupt_in(at) or self._unwritten_mark(spot, at)
                whole = all(_whole(disk, at) for disk in item.manifest.disks)
                return Placed(item, spot.datastore, whole and corrupt is None, corrupt)
        except FileNotFoundError:
            return None
        except (Refused, OSError, *folders.UNREADABLE) as error:
            log.warning("item_unreadable", version=spot.version, datastore=spot.datastore, error=str(error)[:200])
            return None

    def _unwritten_mark(self, spot: Spot, at: int) -> Corrupt | None:
        inode, corrupt = self._unwritten.get(spot, (0, None))
        return corrupt if os.fstat(at).st_ino == inode else None


def _whole(disk: Disk, at: int) -> bool:
    try:
        data = os.stat(data_name(disk.lun, disk.format), dir_fd=at, follow_symlinks=False)
        index = folders.open_file(index_name(disk.lun), at)
    except (FileNotFoundError, Refused):
        return False
    try:
        return data.st_size == disk.size and fits(index, disk)
    finally:
        os.close(index)


def _put(staged: DirectoryStaging, version: str, items: int) -> None:
    """Move a staging folder to ``items``, in place of an item that is there; durable on return."""
    name, staging = staged.name, staged.parent
    if not folders.has_folder(version, items):
        os.rename(name, version, src_dir_fd=staging, dst_dir_fd=items)
    else:
        doomed = trash(version)
        if folders.swap(name, staging, version, items):
            os.rename(name, doomed, src_dir_fd=staging, dst_dir_fd=staging)
        else:
            # After a crash in between the new one is in staging, whole, and found there by the next attempt.
            os.rename(version, doomed, src_dir_fd=items, dst_dir_fd=staging)
            os.rename(name, version, src_dir_fd=staging, dst_dir_fd=items)
        os.fsync(items)
        folders.remove_tree(doomed, staging)
    os.fsync(items)
    os.fsync(staging)
