"""The descriptor of a machine in a pod's folder, ``vm.json``: of a VM, and of snapshots and templates in the same form.

``{"name", "os_type", "power", "disks": [{"file", "format", "role", "lun"}]}``, and what else it wants to say of itself:
``os_state``, ``generation``, ``architecture``, ``capabilities`` (``accelerated_network``, ``nvme``, ``hibernate``,
``guest_state``, …) and ``security`` (a security type). What is absent is not said.
"""

import os
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec

from connector.backends import folders
from connector.backends.base import SourceDisk
from connector.domain.capture import Traits
from connector.failures import Refused, refused
from contracts.events.from_pods import Vm, VmDisk
from contracts.manifest import Lun, SourceKind
from contracts.names import Name

FILE: Final = "vm.json"
STEP: Final = "read"

Word = Annotated[str, msgspec.Meta(max_length=80)]
Short = Annotated[str, msgspec.Meta(max_length=16)]
"""What it says of each disk, and is told of all: a machine in a listing is less than a message."""


class MachineDisk(msgspec.Struct, frozen=True):
    """A disk file in the machine's folder."""

    file: Name
    format: Short
    role: Literal["os", "data"]
    lun: Lun


class Machine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A machine as its descriptor tells."""

    name: Name
    disks: tuple[MachineDisk, ...]
    os_type: Word | None = None
    power: Word = "off"
    os_state: Word | None = None
    generation: Word | None = None
    architecture: Word | None = None
    capabilities: Annotated[tuple[Word, ...], msgspec.Meta(max_length=32)] | None = None
    security: Word | None = None

    @property
    def traits(self) -> Traits:
        """What it says of itself."""
        return Traits(
            described=True,
            os_type=self.os_type,
            os_state=self.os_state,
            generation=self.generation,
            architecture=self.architecture,
            capabilities=self.capabilities,
            security=self.security,
        )

    @property
    def ordered(self) -> list[MachineDisk]:
        """Its disks, the OS disk first, then by lun."""
        return sorted(self.disks, key=lambda disk: (disk.role != "os", disk.lun))


_decode = msgspec.json.Decoder(Machine).decode


def read(name: str, at: int) -> Machine:
    """The machine ``name`` in the open folder ``at``. Raises Refused: ``vm_invalid``."""
    try:
        machine = _decode(folders.read(FILE, at))
    except Refused as error:
        raise refused("vm_invalid", STEP, f"{name}: {error.failure.text}") from None
    except folders.UNREADABLE as error:
        raise refused("vm_invalid", STEP, f"{name}: {FILE}: {str(error)[:200]}") from None
    luns, names = [disk.lun for disk in machine.disks], [disk.file for disk in machine.disks]
    wrong = ""
    if machine.name != name:
        wrong = "it has another name than its folder"
    elif [disk.role for disk in machine.disks].count("os") != 1:
        wrong = "it has not exactly one OS disk"
    elif len(set(luns)) != len(luns) or len(set(names)) != len(names):
        wrong = "two disks have the same lun or file"
    if wrong:
        raise refused("vm_invalid", STEP, f"{name}: {wrong}")
    return machine


def listed(name: str, at: int, kind: SourceKind, *, locked: bool) -> Vm:
    """The machine as it is listed; one whose descriptor cannot be used has no disks."""
    try:
        machine = read(name, at)
        disks = tuple(_listed(disk, at) for disk in machine.ordered)
    except Refused:
        return unknown(name, kind, locked=locked)
    return Vm(
        name=name,
        os_type=machine.os_type or "unknown",
        power=machine.power,
        locked=locked,
        disks=disks,
        kind=kind,
        capabilities=machine.capabilities or (),
    )


def unknown(name: str, kind: SourceKind, *, locked: bool = False) -> Vm:
    """A machine of which no more is known than that it is there."""
    return Vm(name=name, os_type="unknown", power="unknown", locked=locked, disks=(), kind=kind)


def opened(disks: Iterable[MachineDisk], at: int) -> list[SourceDisk]:
    """Disks of a machine, open for reading. Raises Refused, and none is open then."""
    found: list[SourceDisk] = []
    try:
        for disk in disks:
            fd = folders.open_file(disk.file, at)
            found.append(SourceDisk(fd=fd, name=disk.file, role=disk.role, lun=disk.lun, declared=disk.format))
    except BaseException:
        for one in found:
            os.close(one.fd)
        raise
    return found


def _listed(disk: MachineDisk, at: int) -> VmDisk:
    try:
        size = os.stat(disk.file, dir_fd=at, follow_symlinks=False).st_size
    except FileNotFoundError:
        size = 0
    return VmDisk(role=disk.role, lun=disk.lun, format=disk.format, size=size)
