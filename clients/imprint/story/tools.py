"""Programs of this machine that the demo uses: e2fsprogs for filesystems, qemu-utils for qcow2."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SYSTEM = "/usr/sbin:/sbin"
"""Where e2fsprogs lies; not on every user's PATH."""


class ToolError(Exception):
    """A program is missing or failed; ``hint`` says what to do."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def find(name: str) -> str | None:
    """Where the program is, None when this machine has none."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), SYSTEM)))


def need(name: str, package: str) -> str:
    """Where the program is. Raises ToolError naming the package that has it."""
    found = find(name)
    if found is None:
        raise ToolError(f"{name} is not installed", f"Debian has it in {package}: apt-get install {package}")
    return found


def run(command: Sequence[str], *, stdin: str = "", accept: Sequence[int] = (0,)) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        ToolError: it ended with a code that is not in ``accept``.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in accept:
        name = Path(command[0]).name
        raise ToolError(f"{name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
