"""``imprint demo``: the whole path on real disks, from nothing, without a question."""

import asyncio
import fcntl
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imprint.exits import CommandFailure, Exit, ImprintError, UnreachableError
from imprint.options import DATA

if TYPE_CHECKING:
    from rich.console import Console

FOLDER = DATA / "demo"
OWN = "imprint-demo"
"""A file that marks a folder as the demo's own, which it may remove."""
TIMES = 9
"""Times that the disks are on this machine at most: two versions on three pods, the VM, and twice on the way."""
MADE = 400 * 1024 * 1024
"""Bytes of the disks that the demo makes itself."""
WIDE = 140


@click.command(name="demo")
@click.argument("disk", required=False, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--keep", is_flag=True, help="Stay up at the end, until Ctrl-C, and keep the data folder.")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True,
    help="Scratch folder; what an earlier demo left there is removed first.",
)  # fmt: skip
def command(disk: Path | None, keep: bool, data: Path) -> None:
    """Import a disk as a VM's on one of three pods, publish it, change a few percent, publish it again.

    DISK is a raw, qcow2 or VHD image of your own (it is only read); without one a filesystem is made of this machine's
    own files.
    """
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    begun = time.monotonic()
    _clear(data)
    data.mkdir(parents=True, mode=0o700)
    (data / OWN).touch()
    _check_space(data, disk)
    _perform(console, disk, data.absolute(), keep)
    if not keep:
        _clear(data)
    console.print(f"Done in {time.monotonic() - begun:.0f} s.", highlight=False)


def _perform(console: "Console", disk: Path | None, data: Path, keep: bool) -> None:
    """Play; what goes wrong ends the command with words, and leaves the folder for a look."""
    from imprint.local.installation import InstallationError
    from imprint.story.play import UntrueError
    from imprint.story.stage import StoppedError, perform
    from imprint.story.tools import ToolError

    try:
        asyncio.run(perform(console, disk, data, keep=keep))
    except (ImprintError, UnreachableError) as error:
        raise CommandFailure.of(error) from None
    except (InstallationError, ToolError) as error:
        raise CommandFailure(Exit.FAILED, "The demo cannot go on", detail=str(error), hint=error.hint) from None
    except UntrueError as error:
        hint = f"The logs are in {data / 'logs'}."
        raise CommandFailure(Exit.FAILED, "The demo failed", detail=str(error), hint=hint) from None
    except StoppedError:
        raise CommandFailure(Exit.FAILED, "Stopped before its end", hint=f"{data} can be removed.") from None


def _clear(data: Path) -> None:
    """Remove what an earlier demo left; never a folder that is in use, or another's."""
    if not data.exists() or not any(data.iterdir()):
        return
    if not (data / OWN).exists():
        raise CommandFailure(Exit.USAGE, f"{data} is not a demo's folder", hint="Name another one: --data DIR")
    with (data / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "Stop it with Ctrl-C where it runs, or use another folder: --data DIR"
            raise CommandFailure(Exit.FAILED, f"A demo is up in {data}", hint=hint) from None
        shutil.rmtree(data)


def _check_space(data: Path, disk: Path | None) -> None:
    """Say so before anything starts when the disk would run full."""
    from imprint.output import size

    needed = TIMES * (disk.stat().st_blocks * 512 if disk is not None else MADE)
    free = shutil.disk_usage(data).free
    if free < needed:
        detail = f"The demo needs about {size(needed)} in {data}; {size(free)} are free."
        raise CommandFailure(Exit.FAILED, "Too little space", detail=detail, hint="Use another folder: --data DIR")
