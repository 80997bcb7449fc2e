"""A door in a process of its own, for tests that measure its memory: `python crowded.py <folder> plain|tls`.

Its port is the first line it says; each line it is sent is answered with its resident memory in KiB, and the most it
ever had.
"""

import logging
import sys
from pathlib import Path

import structlog
from doors import FileShelf

from connector.admission import Tickets
from connector.transfer.identity import Identity
from connector.transfer.server import Door
from contracts.manifest import Disk
from contracts.names import door_host


def main(folder: Path, mode: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    shelf = FileShelf(folder / "shelf")
    for path in shelf.folder.glob("*.index"):
        size = path.with_suffix("").stat().st_size
        disk = Disk(role="os", lun=0, format="raw", size=size, virtual_size=size, root=path.stem, sha256="0" * 64)
        shelf.disks[disk.root] = disk
    identity = None
    if mode == "tls":
        ca, name = folder / "ca", door_host("pod-1")
        identity = Identity.open(ca / f"{name}.pem", ca / f"{name}.key", ca / "authority.pem")
    door = Door(shelf, Tickets(folder / "hub.key.pub"), "127.0.0.1", 0, identity)
    print(door.open(), flush=True)
    for _ in sys.stdin:
        lines = Path("/proc/self/status").read_text().splitlines()
        print(*(line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))), flush=True)
    door.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
