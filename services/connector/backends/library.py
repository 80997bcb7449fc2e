"""The content library in a pod's folder: ``datastores/<name>/items/<version>/`` and ``…/staging/<version>/``.

An item is ``item.json``, and for each disk its file and its chunk index. It comes about in ``staging`` and becomes an
item by one rename after all of it is durable; it is removed by one rename too, before its bytes go. So whatever is in
``items`` is whole.
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

import msgspec
import structlog

from connector.backends import folders
from connector.backends.base import Item, Placed, data_name, index_name
from connector.backends.shelf import Shelf
from connector.backends.staging import DirectoryStaging
from connector.failures import Refused, refused
from connector.transfer.index import IndexInvalidError, index_size, opened
from connector.transfer.seeds import Seed
from contracts.events.from_pods import Datastore
from contracts.manifest import Disk

STEP: Final = "finalise"
DESCRIPTOR: Final = "item.json"
TRASH: Final = ".trash-"
STALE: Final = 3 * 86_400.0
"""Seconds after which a staging folder that no task wants is removed at start."""
SEED_ITEMS: Final = 4
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")

log = structlog.get_logger()
_decode = msgspec.json.Decoder(Item).decode


class Library:
    """All datastores of a pod. Safe for use by several threads, for different versions."""

    def __init__(self, root: int) -> None:
        self._root = folders.ensure_folder("datastores", root)
        self._read: dict[str, tuple[tuple[str, int, int, int], Item]] = {}
        self._shelf = Shelf()
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
        found = [placed for name in folders.folders(self._root) for placed in self._items_in(name)]
        self._shelf.replace(mark, found)
        return found

    def find(self, version: str) -> Placed | None:
        for name in folders.folders(self._root):
            with self._part(name, "items") as stack:
                if (placed := self._placed(name, _checked(version), stack.items)) is not None:
                    return placed
        return None

    def finalise(self, staging: DirectoryStaging, item: Item) -> Placed:
        earlier = self.find(item.version)
        for disk in item.manifest.disks:
            for name in (data_name(disk.lun, disk.format), index_name(disk.lun)):
                os.chmod(name, 0o440, dir_fd=staging.folder)
        folders.write(DESCRIPTOR, staging.folder, msgspec.json.encode(item))
        if earlier is not None:
            self.remove(item.version)
        with self._part(staging.datastore, "items") as stack:
            os.rename(item.version, item.version, src_dir_fd=staging.parent, dst_dir_fd=stack.items)
            os.fsync(stack.items)
            os.fsync(staging.parent)
        placed = Placed(item, staging.datastore, intact=True)
        staging.close()
        self._changed(item.version, placed)
        return placed

    def note(self, item: Item) -> Placed:
        placed = self.find(item.version)
        if placed is None:
            raise refused("finalise_failed", STEP, "The version is not in the library any more", retry=True)
        with self._part(placed.datastore, "items") as stack, folders.folder(item.version, stack.items) as at:
            folders.write(DESCRIPTOR, at, msgspec.json.encode(item))
        noted = Placed(item, placed.datastore, placed.intact)
        self._changed(item.version, noted)
        return noted

    def remove(self, version: str) -> None:
        for name in folders.folders(self._root):
            with self._part(name, "items") as items, self._part(name, "staging") as staging:
                if folders.has_folder(_checked(version), items.items):
                    trash = f"{TRASH}{version}-{time.monotonic_ns()}"
                    os.rename(version, trash, src_dir_fd=items.items, dst_dir_fd=staging.items)
                    os.fsync(items.items)
                    self._changed(version, None)
                    folders.remove_tree(trash, staging.items)

    # --- staging -------------------------------------------------------------------------------------------------

    def stage(self, version: str, datastore: str | None) -> DirectoryStaging:
        names = folders.folders(self._root)
        if datastore is not None and datastore not in names:
            raise refused(
                "datastore_not_found",
                "stage",
                f"The pod has no datastore {datastore}",
            )
        chosen = datastore
        for name in names:
            with self._part(name, "staging") as stack:
                if folders.has_folder(_checked(version), stack.items):
                    if datastore in (None, name):
                        chosen = name
                    else:
                        folders.remove_tree(version, stack.items)
        if chosen is None:
            found = self.datastores()
            if not found:
                raise refused("datastore_not_found", "stage", "The pod has no datastore", hint="Make one on the pod.")
            chosen = max(found, key=lambda store: store.free).name
        with folders.folder(chosen, self._root) as at:
            return DirectoryStaging(chosen, version, folders.ensure_folder("staging", at))

    def abandon(self, version: str) -> None:
        for name in folders.folders(self._root):
            with self._part(name, "staging") as stack:
                folders.remove_tree(_checked(version), stack.items)

    def sweep(self, keep: Sequence[str]) -> None:
        for name in folders.folders(self._root):
            with self._part(name, "staging") as stack:
                for left in folders.names(stack.items):
                    age = time.time() - os.stat(left, dir_fd=stack.items, follow_symlinks=False).st_mtime
                    if left.startswith(TRASH) or (left not in keep and age > STALE):
                        log.info("staging_removed", name=left, datastore=name)
                        folders.remove_tree(left, stack.items)

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
        for placed in self._shelf.relatives(item)[:SEED_ITEMS]:
            disks = sorted(placed.item.manifest.disks, key=lambda other: (other.lun != disk.lun, other.lun))
            for other in disks:
                try:
                    data, index = self._open(placed, other)
                except (Refused, OSError) as error:
                    log.warning("seed_not_used", version=placed.item.version, error=str(error))
                    continue
                try:
                    found.append(Seed(data, opened(index, other.size)))
                except IndexInvalidError as error:
                    log.warning("seed_not_used", version=placed.item.version, error=str(error))
                    os.close(data)
                    os.close(index)
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
        ):
            data = folders.open_file(data_name(disk.lun, disk.format), at)
            try:
                index = folders.open_file(index_name(disk.lun), at)
            except BaseException:
                os.close(data)
                raise
        if os.fstat(data).st_size != disk.size or os.fstat(index).st_size != index_size(disk.size):
            os.close(data)
            os.close(index)
            raise refused("file_changed", STEP, "A file of the item has another size")
        return data, index

    def _items_in(self, datastore: str) -> Iterator[Placed]:
        with self._part(datastore, "items") as stack:
            for version in folders.folders(stack.items):
                if (placed := self._placed(datastore, version, stack.items)) is not None:
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
                return Placed(item, datastore, all(_whole(disk, at) for disk in item.manifest.disks))
        except FileNotFoundError:
            return None
        except (Refused, OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("item_unreadable", version=version, datastore=datastore, error=str(error)[:200])
            return None

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
        index = os.stat(index_name(disk.lun), dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return data.st_size == disk.size and index.st_size == index_size(disk.size)


def _checked(version: str) -> str:
    """``version`` as the name of a folder. Raises Refused when it could be more than that."""
    if _VERSION.fullmatch(version) is None:
        raise refused("internal", STEP, "The version's id is not one that the hub makes")
    return version
