"""Asking the gate about the disks of a source, and saying which of them it was that did not pass."""

import os
from collections.abc import Sequence

import msgspec

from connector.backends import folders
from connector.backends.base import SourceDisk, Staging, data_name
from connector.failures import Refused, refused
from connector.formats import Recognised, inspect


def admit(disk: SourceDisk, file_type: str | None, max_virtual_size: int) -> Recognised:
    """Ask the gate about one disk. Raises Refused as `formats.inspect` does, and names the disk."""
    try:
        found = inspect(disk.fd, disk.declared or file_type, max_virtual_size)
        if file_type is not None and found.format != file_type:
            raise refused(
                "format_mismatch",
                "inspect",
                f"It is to be {file_type} and its content is {found.format}",
                hint=f"Import it as {found.format}, or convert it to {file_type} first.",
            )
    except Refused as error:
        text = f"{disk.name}: {error.failure.text}"
        raise Refused(msgspec.structs.replace(error.failure, text=text)) from None
    return found


def admit_copy(
    disk: SourceDisk, recognised: Recognised, file_type: str | None, max_virtual_size: int, staging: Staging
) -> None:
    """Ask the gate about the copy too: what is kept must be what passed, whatever became of the source meanwhile."""
    fd = folders.open_file(data_name(disk.lun, recognised.format), staging.folder)
    try:
        copy = SourceDisk(fd=fd, name=disk.name, role=disk.role, lun=disk.lun, declared=disk.declared)
        if admit(copy, file_type, max_virtual_size) != recognised:
            raise refused("file_changed", "inspect", f"{disk.name}: it is not any more what it was", retry=True)
    finally:
        os.close(fd)


def warnings(disks: Sequence[SourceDisk], passed: Sequence[Recognised]) -> tuple[str, ...]:
    """What whoever imports disks that passed should know of them."""
    said = []
    for disk, recognised in zip(disks, passed, strict=True):
        if recognised.virtual_size % 512:
            text = f"It is {recognised.virtual_size} bytes, not a whole number of 512-byte sectors"
            said.append(f"{disk.name} ({recognised.format}): {text}")
        said += (f"{disk.name}: {warning}" for warning in recognised.warnings)
    return tuple(said)
