"""Versions of the pod's own library as sources of other versions: their disks are read where they lie."""

import os
from typing import Final

from connector.backends import folders
from connector.backends.base import Placed, SourceDisk, data_name
from connector.backends.datastores import is_version
from connector.backends.library import Library
from connector.domain.capture import Traits
from connector.failures import refused
from contracts.manifest import Source

STEP: Final = "read"


class Versions:
    """The versions that the library holds whole. They are only read, so nothing locks them: an item that is withdrawn
    meanwhile stays readable for whoever has its files open."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def look_up(self, version: str) -> Placed:
        """The version's item. Raises Refused: ``version_missing``."""
        placed = self._library.find(version, None) if is_version(version) else None
        if placed is None or not placed.intact:
            raise refused("version_missing", STEP, f"The pod's library does not hold version {version}")
        return placed

    def traits(self, version: str) -> Traits:
        return Traits(marks=self.look_up(version).item.manifest.traits)

    def disks(self, source: Source) -> list[SourceDisk]:
        placed = self.look_up(source.name)
        folder = self._library.folder(*placed.spot)
        if folder is None:
            raise refused("version_missing", STEP, f"Version {source.name} was removed", retry=True)
        opened: list[SourceDisk] = []
        try:
            for disk in placed.item.manifest.disks:
                if disk.role == "os" or source.disks == "all":
                    name = data_name(disk.lun, disk.format)
                    fd = folders.open_file(name, folder)
                    opened.append(
                        SourceDisk(
                            fd=fd, name=name, role=disk.role, lun=disk.lun, declared=disk.format, sha256=disk.sha256
                        )
                    )
        except BaseException:
            for one in opened:
                os.close(one.fd)
            raise
        finally:
            os.close(folder)
        return opened
