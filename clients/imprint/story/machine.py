"""The source VM of the demo: a folder with a descriptor and its disk files, as the directory backend reads it."""

import json
import shutil
from pathlib import Path

from imprint.story import disks, filesystem, tools

MIB = 1024 * 1024
CONTENT = 320 * MIB
"""Bytes of this machine's files that go onto the OS disk."""
CHANGED = 0.03
"""Share of the disk that the second version changes."""


class Machine:
    """A VM named *golden* in ``folder``: an OS disk (the user's, or one made here) and a small data disk.

    ``work`` is a scratch folder. Raises ToolError in its methods.
    """

    name = "golden"

    def __init__(self, vms: Path, work: Path, own: Path | None) -> None:
        self.folder = vms / self.name
        self.notes: list[str] = []
        """What a person should know of how the disks were made."""
        self._own = own
        self._work = work
        self._tree = work / "tree"
        self._raw = work / "os.raw"
        self.format = "raw"

    @property
    def os_disk(self) -> Path:
        return self.folder / f"os.{self.format}"

    def build(self) -> None:
        """Make both disks and the descriptor."""
        self.folder.mkdir(parents=True)
        self._work.mkdir(parents=True, exist_ok=True)
        if self._own is not None:
            self.format = disks.recognise(self._own)
            if self.format != "raw":
                tools.need("qemu-io", "qemu-utils")  # needed for 1.1.0: better to know now
            disks.duplicate(self._own, self.os_disk)
        else:
            self._build_os_disk()
        self._build_data_disk()
        descriptor = {
            "name": self.name,
            "os_type": "linux",
            "power": "off",
            "disks": [
                {"file": self.os_disk.name, "format": self.format, "role": "os", "lun": 0},
                {"file": "data.raw", "format": "raw", "role": "data", "lun": 1},
            ],
        }
        (self.folder / "vm.json").write_text(json.dumps(descriptor, indent=2) + "\n")

    def _build_os_disk(self) -> None:
        filesystem.gather(self._tree, CONTENT)
        filesystem.make(self._tree, self._raw)
        if tools.find("qemu-img") is None:
            self.notes.append("qemu-img is not installed: the OS disk is raw (as root: apt-get install qemu-utils).")
        else:
            self.format = "qcow2"
        self._put_os_disk()

    def _put_os_disk(self) -> None:
        if self.format == "qcow2":
            disks.to_qcow2(self._raw, self.os_disk)
        else:
            disks.duplicate(self._raw, self.os_disk)

    def _build_data_disk(self) -> None:
        tree = self._work / "data"
        tree.mkdir()
        (tree / "README").write_text("The data disk of the golden VM.\n")
        for number in range(1, 17):
            (tree / f"table-{number}.csv").write_text("".join(f"{n},{n * number}\n" for n in range(20_000)))
        if tools.find("mke2fs") is not None:
            filesystem.make(tree, self.folder / "data.raw", slack=16 * MIB)
        else:
            self.notes.append("mke2fs is not installed: the data disk has files, but no filesystem.")
            with (self.folder / "data.raw").open("wb") as disk:
                for file in sorted(tree.iterdir()):
                    disk.write(file.read_bytes())
                disk.truncate(16 * MIB)
        shutil.rmtree(tree)

    def update(self) -> int:
        """Change a few percent of the OS disk as an update would; returns the bytes changed inside."""
        if self._own is not None:
            return disks.change(self.os_disk, self.format, CHANGED)
        changed = filesystem.update(self._tree, self._raw, CHANGED)
        self._put_os_disk()
        return changed
