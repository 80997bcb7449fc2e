"""A pod as it lies on disk: what a test puts there, and what it finds there, read without the connector's code."""

import json
from pathlib import Path

from contracts.manifest import Manifest
from harness.digests import root_of, sha256_of


class Site:
    """The folder of one pod: VMs, incoming files, one datastore named ``default`` unless a test makes others."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.name
        self.datastore = root / "datastores" / "default"
        for folder in (root / "vms", root / "incoming", self.datastore):
            folder.mkdir(parents=True, exist_ok=True)

    def vm(self, name: str, *disks: bytes, formats: tuple[str, ...] = ()) -> None:
        """A VM whose first disk is the OS disk; a disk is raw unless ``formats`` says otherwise."""
        folder = self.root / "vms" / name
        folder.mkdir()
        described = []
        for lun, content in enumerate(disks):
            format = formats[lun] if lun < len(formats) else "raw"
            file = f"disk{lun}.{format}"
            (folder / file).write_bytes(content)
            described.append({"file": file, "format": format, "role": "data" if lun else "os", "lun": lun})
        descriptor = {"name": name, "os_type": "linux", "power": "off", "disks": described}
        (folder / "vm.json").write_text(json.dumps(descriptor))

    def change(self, vm: str, lun: int, offset: int, content: bytes) -> None:
        """Write into a raw disk of a VM, as its guest would."""
        with (self.root / "vms" / vm / f"disk{lun}.raw").open("r+b") as file:
            file.seek(offset)
            file.write(content)

    def file(self, name: str, content: bytes) -> None:
        """An incoming file."""
        (self.root / "incoming" / name).write_bytes(content)

    def has_vm(self, name: str) -> bool:
        return (self.root / "vms" / name).exists()

    def locks(self) -> list[str]:
        """Everything that marks a VM or an incoming file as taken."""
        found = [*self.root.glob("vms/*/.lock*"), *self.root.glob("incoming/.*")]
        return sorted(str(path.relative_to(self.root)) for path in found)

    def files(self) -> dict[str, int]:
        """Every file of the pod, hidden ones included, with its size."""
        return {
            str(path.relative_to(self.root)): path.stat().st_size
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }

    def staging(self) -> list[str]:
        """What lies in any staging folder."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob("datastores/*/staging/*"))

    def items(self) -> list[str]:
        """The versions in the library: the names of its folders."""
        return sorted(path.name for path in self.root.glob("datastores/*/items/*"))

    def disk(self, version: str, lun: int, format: str = "raw") -> Path:
        """A disk's file in the library."""
        (found,) = self.root.glob(f"datastores/*/items/{version}/disk-{lun}.{format}")
        return found

    def rot(self, version: str, offset: int, lun: int = 0) -> int:
        """A flipped bit in a disk in the library; the inode of the file."""
        disk = self.disk(version, lun)
        disk.chmod(0o600)
        with disk.open("r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ 8]))
        disk.chmod(0o440)
        return disk.stat().st_ino

    def holds(self, version: str, manifest: Manifest | None) -> bool:
        """Whether the library has the version bit for bit, by both digests of each disk, and no other disk of it."""
        assert manifest is not None, "the version has no content"
        (item,) = self.root.glob(f"datastores/*/items/{version}")
        wanted = {f"disk-{disk.lun}.{disk.format}": (disk.size, disk.sha256, disk.root) for disk in manifest.disks}
        found = {
            path.name: (path.stat().st_size, sha256_of(path.read_bytes()), root_of(path.read_bytes()))
            for path in item.glob("disk-*")
            if path.suffix != ".index"
        }
        return found == wanted
