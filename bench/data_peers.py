"""What people would use instead: ``cp`` and ``rsync``, each with the sync that makes its result durable."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.data_inputs import tool
from bench.processes import wait_for
from imprint.local import ports

SETTINGS = """
address = 127.0.0.1
use chroot = no
{user}
[served]
path = {folder}
read only = yes
"""


@dataclass(frozen=True)
class Taken:
    """What a run took: seconds of wall clock and of CPU, and bytes on the wire in both directions."""

    wall: float
    cpu: float
    wire: int = 0


def copied(pairs: Sequence[tuple[Path, Path]]) -> Taken:
    """``cp`` and ``sync`` of each pair (source, target), all at once."""
    return _together([f"cp {_quoted(source, target)} && sync {_quoted(target)}" for source, target in pairs])[0]


@contextmanager
def rsync_daemon(folder: Path, served: Path) -> Iterator[int]:
    """An rsync daemon that serves the folder ``served``; its port."""
    port = ports.any_free()
    settings = folder / "rsyncd.conf"
    user = "uid = root\ngid = root" if os.geteuid() == 0 else ""
    settings.write_text(SETTINGS.format(folder=served, user=user))
    command = [
        tool("rsync"),
        "--daemon",
        "--no-detach",
        f"--config={settings}",
        f"--port={port}",
        "--log-file=/dev/null",
    ]
    with (folder / "rsyncd.log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: not ports.is_free(port))
        yield port
    finally:
        daemon.terminate()
        daemon.wait()


def rsynced(port: int, name: str, basis: Path, target: Path) -> Taken:
    """rsync of the served file ``name`` into the folder ``target``, with its delta against ``basis / name``.

    It writes a new file, as we do, and leaves holes where it finds zeros; ``-z`` is off.
    """
    options = ["--no-whole-file", "--ignore-times", "--sparse", "--stats", f"--compare-dest={basis}"]
    command = shlex.join([tool("rsync"), *options, f"rsync://127.0.0.1:{port}/served/{name}", f"{target}/"])
    taken, (said,) = _together([f"{command} && sync {_quoted(target / Path(name).name)}"])
    counted = [int(re.sub(r"\D", "", found)) for found in re.findall(r"Total bytes (?:sent|received): ([\d,.]+)", said)]
    if len(counted) != 2:
        raise RuntimeError(f"rsync said nothing about its bytes: {said}")
    return Taken(taken.wall, taken.cpu, sum(counted))


def _together(commands: Sequence[str]) -> tuple[Taken, list[str]]:
    """Run shell commands at once; what they took together, and what each said. Raises RuntimeError when one fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    start = time.perf_counter()
    running = [
        subprocess.Popen(["/bin/sh", "-c", command], env=environment, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    said = [one.stdout.read() for one in running if one.stdout is not None]
    ended = [os.wait4(one.pid, 0) for one in running]
    wall = time.perf_counter() - start
    for one, (_, status, _) in zip(running, ended, strict=True):
        one.returncode = os.waitstatus_to_exitcode(status)
        if one.stdout is not None:
            one.stdout.close()
    if any(one.returncode for one in running):
        raise RuntimeError(f"failed: {[one.args for one in running if one.returncode]}")
    return Taken(wall, sum(used.ru_utime + used.ru_stime for _, _, used in ended)), said


def _quoted(*paths: Path) -> str:
    return shlex.join(map(str, paths))
