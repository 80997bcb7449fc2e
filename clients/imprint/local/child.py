"""One child process: started, kept running, stopped; its output goes to a log file."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a dead child is started again: after its first death, its second, and so on."""
STEADY = 60.0
"""Seconds after which a child counts as healthy: its next death is a first one again."""
LOG_LIMIT = 16 * 1024 * 1024
"""Bytes of a log file that are put aside (as ``.1``) at the next start."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """In the child, on Linux: be stopped by the kernel when the parent is gone, however it went."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A process under supervision.

    ``notice`` is told when it died and is started again. Signals from the terminal do not reach it: it has a process
    group of its own and is stopped by `stop`, in whatever order the owner wants.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        notice: Callable[[str], None],
    ) -> None:
        self.name = name
        self.log = log
        self.deaths = 0
        self.command = tuple(command)
        self.environment = dict(environment)
        self._notice = notice
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def send(self, number: int) -> None:
        """Send it a signal. Raises ProcessLookupError when it does not run."""
        if self.pid is None:
            raise ProcessLookupError(f"{self.name} does not run")
        os.kill(self.pid, number)

    async def start(self) -> None:
        """Start it and keep it running."""
        self._process = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(self._process), name=f"keep-{self.name}")

    async def _spawn(self) -> asyncio.subprocess.Process:
        with _open_log(self.log) as log:
            return await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_die_with_parent,
            )

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        in_a_row = 0
        while True:
            started = loop.time()
            code = await process.wait()
            if self._stopping.is_set():
                return
            self.deaths += 1
            in_a_row = 1 if loop.time() - started > STEADY else in_a_row + 1
            pause = PAUSES[min(in_a_row, len(PAUSES)) - 1]
            self._notice(f"{self.name} {how(code)}; starting it again in {pause:g} s (log: {self.log})")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return
            self._process = process = await self._spawn()
            if self._stopping.is_set():
                process.terminate()

    async def stop(self, timeout: float = 15.0) -> None:
        """Ask it to end (SIGTERM), and kill it when it has not after ``timeout`` seconds."""
        self._stopping.set()
        if self._keeper is None:
            return
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        _, late = await asyncio.wait({self._keeper}, timeout=timeout)
        if late and self._process is not None:
            self._notice(f"{self.name} did not end within {timeout:g} s and is killed")
            self._process.kill()
        await self._keeper

    def tail(self, lines: int = 12) -> str:
        """The end of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 8192))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def how(code: int) -> str:
    """A process's end in words, from its return code."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
