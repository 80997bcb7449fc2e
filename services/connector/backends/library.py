"""The content library in a pod's folder: ``datastores/<name>/items/<version>/`` and ``…/staging/<version>/``.

An item is ``item.json``, and for each disk its file and its chunk index. It comes about in ``staging`` and becomes an
item by one rename after all of it is durable; it is removed by one rename too, before its bytes go. So whatever is in
``items`` is whole.
"""

import errno
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import msgspec
import structlog

from connector.backends import condition, folders
from connector.backends.base import Checked, Corrupt, Item, Placed, data_name, index_name
from connector.backends.shelf import Shelf
from connector.backends.staging import DirectoryStaging
from connector.failures import Refused, refused
from connector.transfer.index import IndexInvalidError, fits, opened
from connector.transfer.seeds import Seed
from contracts.events.from_pods import Datastore
from contracts.manifest import Disk

STEP: Final = "finalise"
DESCRIPTOR: Final = "item.json"
TRASH: Final = ".trash-"
STALE: Final = 3 * 86_400.0
"""Seconds after which a staging folder that no task wants is removed at start."""
SEED_ITEMS: Final = 4
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")

log = structlog.get_logger()
_decode = msgspec.json.Decoder(Item).decode


class Library:
    """All datastores of a pod. Safe for use by several threads, for different versions."""

    def __init__(self, root: int) -> None:
        self._root = folders.ensure_folder("datastores", root)
        self._read: dict[str, tuple[tuple[str, int, int, int], Item]] = {}
        self._shelf = Shelf()
        self._guard = threading.Lock()
        self._doubted: set[str] = set()
        self._unwritten: dict[str, tuple[int, Corrupt]] = {}
        """Marks that the datastore had no room for, with the folders' inodes."""
        self.items()

    def close(self) -> None:
        os.close(self._root)

    def datastores(self) -> list[Datastore]:
        found = []
        for name in folders.folders(self._root):
            with folders.folder(name, self._root) as at:
                space = os.fstatvfs(at)
            capacity, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
            found.append(Datastore(name=name, capacity=capacity, free=free))
        return found

    # --- items ---------------------------------------------------------------------------------------------------

    def items(self) -> list[Placed]:
        """Every item of every datastore; a descriptor that cannot be read is logged and left out."""
        mark = self._shelf.mark()
        found = [placed for name, items in self._having("items") for placed in self._items_in(name, items)]
        self._shelf.replace(mark, found)
        return found

    def find(self, version: str) -> Placed | None:
        _check(version)
        found = None
        for name, items in self._having("items"):
            placed = self._placed(name, version, items)
            if placed is not None and placed.intact:
                return placed
            found = found or placed
        return found

    def finalise(self, staging: DirectoryStaging, item: Item) -> Placed:
        for disk in item.manifest.disks:
            for name in (data_name(disk.lun, disk.format), index_name(disk.lun)):
                os.chmod(name, 0o440, dir_fd=staging.folder)
        condition.clear(staging.folder)
        folders.write(DESCRIPTOR, staging.folder, msgspec.json.encode(item))
        with self._part(staging.datastore, "items") as stack:
            _put(item.version, staging.parent, stack.items)
        placed = Placed(item, staging.datastore, intact=True)
        self._unwritten.pop(item.version, None)
        staging.close()
        self.trust(item.version)
        self._changed(item.version, placed)
        self._remove(item.version, placed)
        return placed

    def note(self, item: Item) -> Placed:
        placed = self.find(item.version)
        if placed is None:
            raise refused("finalise_failed", STEP, "The version is not in the library any more", retry=True)
        with self._part(placed.datastore, "items") as stack, folders.folder(item.version, stack.items) as at:
            folders.write(DESCRIPTOR, at, msgspec.json.encode(item))
        noted = Placed(item, placed.datastore, placed.intact, placed.corrupt)
        self._changed(item.version, noted)
        return noted

    def remove(self, version: str) -> None:
        self._remove(version, None)
        self.trust(version)

    def _remove(self, version: str, left: Placed | None) -> None:
        """Remove the version's item from every datastore but that of ``left``."""
        _check(version)
        for name, items in self._having("items"):
            if (left is None or name != left.datastore) and folders.has_folder(version, items):
                with self._part(name, "staging") as staging:
                    trash = _trash(version)
                    os.rename(version, trash, src_dir_fd=items, dst_dir_fd=staging.items)
                    os.fsync(items)
                    self._unwritten.pop(version, None)
                    self._changed(version, left)
                    folders.remove_tree(trash, staging.items)

    # --- condition -----------------------------------------------------------------------------------------------

    def folder(self, version: str) -> int | None:
        placed = self.find(version)
        if placed is None:
            return None
        with self._part(placed.datastore, "items") as stack:
            try:
                return folders.open_folder(version, stack.items)
            except FileNotFoundError:
                return None

    def quarantine(self, version: str, folder: int, corrupt: Corrupt) -> Placed | None:
        inode, now = os.fstat(folder).st_ino, self.folder(version)
        if now is None:
            return None
        try:
            if not os.path.samestat(os.fstat(now), os.fstat(folder)):
                return None  # removed or replaced since it was opened
        finally:
            os.close(now)
        try:
            condition.mark_corrupt(folder, corrupt)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            log.error("mark_not_written", version=version, error=error.strerror)
            self._unwritten[version] = inode, corrupt
        placed = self.find(version)
        self._changed(version, placed)
        self.trust(version)
        return placed

    def checked(self, folder: int) -> Checked:
        return condition.checked_in(folder, _decode(folders.read(DESCRIPTOR, folder)))

    def note_checked(self, folder: int, checked: Checked) -> None:
        condition.note_checked(folder, checked)

    def doubt(self, version: str) -> None:
        with self._guard:
            self._doubted.add(version)

    def doubted(self) -> frozenset[str]:
        with self._guard:
            return frozenset(self._doubted)

    def trust(self, version: str) -> None:
        with self._guard:
            self._doubted.discard(version)

    # --- staging -------------------------------------------------------------------------------------------------

    def stage(self, version: str, datastore: str | None) -> DirectoryStaging:
        _check(version)
        names = folders.folders(self._root)
        if datastore is not None and datastore not in names:
            raise refused(
                "datastore_not_found",
                "stage",
                f"The pod has no datastore {datastore}",
            )
        chosen = datastore
        for name, staging in self._having("staging"):
            if folders.has_folder(version, staging):
                if datastore in (None, name):
                    chosen = name
                else:
                    folders.remove_tree(version, staging)
        if chosen is None:
            found = self.datastores()
            if not found:
                raise refused("datastore_not_found", "stage", "The pod has no datastore", hint="Make one on the pod.")
            chosen = max(found, key=lambda store: store.free).name
        with folders.folder(chosen, self._root) as at:
            return DirectoryStaging(chosen, version, folders.ensure_folder("staging", at))

    def abandon(self, version: str) -> None:
        _check(version)
        for _, staging in self._having("staging"):
            folders.remove_tree(version, staging)

    def sweep(self, keep: Sequence[str]) -> None:
        for name, staging in self._having("staging"):
            for left in folders.names(staging):
                age = time.time() - os.stat(left, dir_fd=staging, follow_symlinks=False).st_mtime
                if left.startswith(TRASH) or (left not in keep and age > STALE):
                    log.info("staging_removed", name=left, datastore=name)
                    folders.remove_tree(left, staging)

    # --- serving -------------------------------------------------------------------------------------------------

    def open(self, root: str) -> tuple[int, int] | None:
        for placed, disk in self._shelf.places(root):
            try:
                return self._open(placed, disk)
            except (Refused, OSError) as error:
                log.warning("item_not_whole", version=placed.item.version, error=str(error))
        return None

    def seeds(self, item: Item, disk: Disk) -> list[Seed]:
        found: list[Seed] = []
        own = self.find(item.version)
        remains = [own] if own is not None and own.corrupt is not None and own.item.tenant == item.tenant else []
        for placed in [*remains, *self._shelf.relatives(item)[:SEED_ITEMS]]:
            disks = sorted(placed.item.manifest.disks, key=lambda other: (other.lun != disk.lun, other.lun))
            for other in disks:
                try:
                    data, index = self._open(placed, other)
                except (Refused, OSError) as error:
                    log.warning("seed_not_used", version=placed.item.version, error=str(error))
                    continue
                rotten: Callable[[], None] = (
                    (lambda: None) if placed is own else partial(self.doubt, placed.item.version)
                )
                try:
                    found.append(Seed(data, opened(index, other), rotten))
                except (IndexInvalidError, OSError) as error:
                    log.warning("seed_not_used", version=placed.item.version, error=str(error))
                    os.close(data)
                    os.close(index)
                    rotten()
        return found

    # --- inside --------------------------------------------------------------------------------------------------

    def _changed(self, version: str, placed: Placed | None) -> None:
        """An own change; what was read of the version before is old."""
        self._read.pop(version, None)
        self._shelf.put(version, placed)

    def _open(self, placed: Placed, disk: Disk) -> tuple[int, int]:
        with (
            self._part(placed.datastore, "items") as stack,
            folders.folder(placed.item.version, stack.items) as at,
            ExitStack() as files,
        ):
            data = folders.open_file(data_name(disk.lun, disk.format), at)
            files.callback(os.close, data)
            index = folders.open_file(index_name(disk.lun), at)
            files.callback(os.close, index)
            if os.fstat(data).st_size != disk.size or not fits(index, disk):
                raise refused("file_changed", STEP, "A file of the item has another size")
            files.pop_all()
            return data, index

    def _items_in(self, datastore: str, items: int) -> Iterator[Placed]:
        for version in folders.folders(items):
            if (placed := self._placed(datastore, version, items)) is not None:
                yield placed

    def _placed(self, datastore: str, version: str, items: int) -> Placed | None:
        try:
            with folders.folder(version, items) as at:
                status = os.stat(DESCRIPTOR, dir_fd=at, follow_symlinks=False)
                look = (datastore, status.st_ino, status.st_mtime_ns, status.st_size)
                known = self._read.get(version)
                if known is not None and known[0] == look:
                    item = known[1]
                else:
                    item = _decode(folders.read(DESCRIPTOR, at))
                    self._read[version] = (look, item)
                if item.version != version:
                    raise refused("finalise_failed", STEP, "item.json is of another version")
                corrupt = condition.corrupt_in(at) or self._unwritten_mark(version, at)
                whole = all(_whole(disk, at) for disk in item.manifest.disks)
                return Placed(item, datastore, whole and corrupt is None, corrupt)
        except FileNotFoundError:
            return None
        except (Refused, OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("item_unreadable", version=version, datastore=datastore, error=str(error)[:200])
            return None

    def _having(self, part: str) -> Iterator[tuple[str, int]]:
        """The datastores that have this folder, with it open. Looking makes none: a full datastore has no room."""
        for name in folders.folders(self._root):
            with folders.folder(name, self._root) as at:
                if not folders.has_folder(part, at):
                    continue
                with folders.folder(part, at) as found:
                    yield name, found

    def _unwritten_mark(self, version: str, at: int) -> Corrupt | None:
        inode, corrupt = self._unwritten.get(version, (0, None))
        return corrupt if os.fstat(at).st_ino == inode else None

    def _part(self, datastore: str, part: str) -> "_Part":
        return _Part(self._root, datastore, part)


class _Part(ExitStack):
    """The open ``items`` or ``staging`` folder of a datastore for the length of a block."""

    def __init__(self, root: int, datastore: str, part: str) -> None:
        super().__init__()
        with folders.folder(datastore, root) as at:
            self.items = folders.ensure_folder(part, at)
        self.callback(os.close, self.items)


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


def _put(version: str, staging: int, items: int) -> None:
    """Move a version's folder from ``staging`` to ``items``, in place of one that is there; durable on return."""
    if not folders.has_folder(version, items):
        os.rename(version, version, src_dir_fd=staging, dst_dir_fd=items)
    else:
        trash = _trash(version)
        if folders.swap(version, staging, items):
            os.rename(version, trash, src_dir_fd=staging, dst_dir_fd=staging)
        else:
            # After a crash in between the new one is in staging, whole, and found there by the next attempt.
            os.rename(version, trash, src_dir_fd=items, dst_dir_fd=staging)
            os.rename(version, version, src_dir_fd=staging, dst_dir_fd=items)
        os.fsync(items)
        folders.remove_tree(trash, staging)
    os.fsync(items)
    os.fsync(staging)


def _trash(version: str) -> str:
    return f"{TRASH}{version}-{time.monotonic_ns()}"


def _check(version: str) -> None:
    """Look whether ``version`` can be the name of a folder. Raises Refused when it could be more than that."""
    if _VERSION.fullmatch(version) is None:
        raise refused("internal", STEP, "The version's id is not one that the hub makes")
