"""The library's disks, open for reading: for the door, and as seeds of copies that are being made."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

import structlog

from connector.backends import folders
from connector.backends.base import Item, Placed, data_name, index_name
from connector.backends.datastores import Datastores
from connector.backends.library import STEP, Library
from connector.backends.shelf import Shelf
from connector.failures import Refused, refused
from connector.transfer.index import IndexInvalidError, fits, opened
from connector.transfer.seeds import Seed
from contracts.manifest import Disk

SEED_ITEMS: Final = 4

log = structlog.get_logger()


class Serving:
    """Opens what the library holds."""

    def __init__(self, datastores: Datastores, library: Library, shelf: Shelf) -> None:
        self._datastores = datastores
        self._library = library
        self._shelf = shelf

    def open(self, root: str) -> tuple[int, int] | None:
        for placed, disk in self._shelf.places(root):
            try:
                return self._open(placed, disk)
            except (Refused, OSError) as error:
                log.warning("item_not_whole", version=placed.item.version, datastore=placed.datastore, error=str(error))
        return None

    def seeds(self, item: Item, disk: Disk) -> list[Seed]:
        found: list[Seed] = []
        own = [placed for placed in self._library.held(item.version) if placed.item.tenant == item.tenant]
        own = [placed for placed in own if placed.intact or placed.corrupt is not None]
        own.sort(key=lambda placed: not placed.intact)
        for placed in [*own, *self._shelf.relatives(item)[:SEED_ITEMS]]:
            disks = sorted(placed.item.manifest.disks, key=lambda other: (other.lun != disk.lun, other.lun))
            # That a corrupt item has wrong chunks is known already.
            rotten: Callable[[], None] = partial(self._library.doubt, placed.spot) if placed.intact else _nothing
            for other in disks:
                if (seed := self._seed(placed, other, rotten)) is not None:
                    found.append(seed)
        return found

    def _seed(self, placed: Placed, disk: Disk, rotten: Callable[[], None]) -> Seed | None:
        try:
            data, index = self._open(placed, disk)
        except (Refused, OSError) as error:
            log.warning("seed_not_used", version=placed.item.version, error=str(error))
            return None
        try:
            return Seed(data, opened(index, disk), rotten)
        except (IndexInvalidError, OSError) as error:
            log.warning("seed_not_used", version=placed.item.version, error=str(error))
            os.close(data)
            os.close(index)
            rotten()
            return None

    def _open(self, placed: Placed, disk: Disk) -> tuple[int, int]:
        with (
            self._datastores.part(placed.datastore, "items") as items,
            folders.folder(placed.item.version, items) as at,
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


def _nothing() -> None:
    """Nobody needs to be told."""
