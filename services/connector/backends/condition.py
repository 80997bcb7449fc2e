"""What an item's folder says of its own condition: ``corrupt.json`` when it is quarantined, ``checked.json`` otherwise.

Both lie in the folder, so they go where the item goes: a repaired item begins without them.
"""

import os
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from connector.backends import folders
from connector.backends.base import Checked, Corrupt, Item, data_name
from connector.failures import Refused

CORRUPT: Final = "corrupt.json"
CHECKED: Final = "checked.json"
MARKS: Final = (CORRUPT, CHECKED)

log = structlog.get_logger()
_corrupt = msgspec.json.Decoder(Corrupt).decode
_checked = msgspec.json.Decoder(Checked).decode


def corrupt_in(at: int) -> Corrupt | None:
    """The mark of the item in the open folder ``at``. One that cannot be read is a mark all the same."""
    try:
        return _corrupt(folders.read(CORRUPT, at))
    except Refused as error:
        if error.failure.code == "file_not_found":
            return None
    except folders.UNREADABLE:
        pass
    return Corrupt(found=datetime.fromtimestamp(0, UTC))


def mark_corrupt(at: int, corrupt: Corrupt) -> None:
    """Mark the item in ``at``; durable on return."""
    folders.write(CORRUPT, at, msgspec.json.encode(corrupt))


def checked_in(at: int, item: Item) -> Checked:
    """When the item in ``at`` was last checked. Never: then it was right when its first disk was written."""
    try:
        return _checked(folders.read(CHECKED, at))
    except (Refused, *folders.UNREADABLE) as error:
        if not isinstance(error, Refused):
            log.warning("check_unknown", version=item.version, error=str(error)[:200])
    disk = item.manifest.disks[0]
    try:
        return Checked(at=os.stat(data_name(disk.lun, disk.format), dir_fd=at, follow_symlinks=False).st_mtime)
    except FileNotFoundError:
        return Checked(at=0.0)


def note_checked(at: int, checked: Checked) -> None:
    """Keep it; durable on return."""
    folders.write(CHECKED, at, msgspec.json.encode(checked))


def clear(at: int) -> None:
    """Remove what an earlier item may have left in a staging folder."""
    for name in MARKS:
        folders.remove_file(name, at)
