"""Processes of a bench: started, waited for, their CPU time and memory read from the kernel."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from imprint.local import ports

NATS = """
listen: "127.0.0.1:{port}"
max_payload: 1MB
jetstream {{ store_dir: "{store}", max_file_store: 16GB{sync} }}
"""


class Running:
    """A child process."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.started = time.perf_counter()
        with (folder / f"{name}.log").open("ab") as log:
            self.popen = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        self.process = psutil.Process(self.popen.pid)

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss(self) -> float:
        """MiB of resident memory."""
        return self.process.memory_info().rss / 2**20

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def cpu(running: Iterable[Running]) -> float:
    """CPU seconds of several processes together."""
    return sum(one.cpu() for one in running)


def module(name: str, folder: Path, *, label: str | None = None, **settings: str) -> Running:
    """``python -m name`` with IMPRINT_ settings."""
    environment = {f"IMPRINT_{key.upper()}": value for key, value in settings.items()}
    return Running(label or name, [sys.executable, "-m", name], environment, folder)


@contextmanager
def nats_server(folder: Path, sync: str) -> Iterator[tuple[Running, str]]:
    """A nats-server with ``sync_interval`` always or default, and its URL."""
    port = ports.any_free()
    setting = ", sync_interval: always" if sync == "always" else ""
    (folder / "nats.conf").write_text(NATS.format(port=port, store=folder / "js", sync=setting))
    binary = Path(sys.executable).parent / "nats-server"
    running = Running("nats", [str(binary), "-c", str(folder / "nats.conf")], {}, folder)
    try:
        wait_for(lambda: not ports.is_free(port))
        yield running, f"nats://127.0.0.1:{port}"
    finally:
        running.stop()


def wait_for(condition: object, timeout: float = 60.0, pause: float = 0.005) -> None:
    """Return once ``condition()`` is true."""
    until = time.monotonic() + timeout
    while not condition():  # type: ignore[operator]
        if time.monotonic() > until:
            raise TimeoutError("a process did not get there")
        time.sleep(pause)
