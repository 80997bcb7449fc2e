"""A pod's door as others know it: at an address that outlives the process, with the pod's certificate where it has one.

The hub tells pods each other's addresses; a door that came back somewhere else after a crash would be sought in vain
until the pod's next word. So a port that was free once is kept in the connector's folder and taken again.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from connector.settings import ConnectorSettings
from connector.transfer.identity import Identity
from connector.transfer.server import Door

PORT = "door-port"
"""Where in the connector's folder the port of the door is kept."""

log = structlog.get_logger()


def identity_of(settings: ConnectorSettings) -> Identity | None:
    """Who the pod is to others; None where the doors are plain HTTP.

    Raises:
        IdentityError: the files that the settings name cannot be used.
    """
    files = settings.identity_files
    return None if files is None else Identity.open(*files)


@asynccontextmanager
async def doorway(settings: ConnectorSettings, door_at: Callable[[int], Door]) -> AsyncIterator[str]:
    """The address of the door while it is open. ``door_at`` makes one, not open yet, for a port (0: any free one).

    Raises:
        OSError: the address cannot be had.
    """
    door = await _opened(settings, door_at)
    try:
        scheme = "http" if settings.identity_files is None else "https"
        address = settings.advertise or f"{scheme}://{_reachable(settings.data_host)}:{door.port}"
        log.info("door_open", address=address)
        yield address
    finally:
        await asyncio.to_thread(door.close)


async def _opened(settings: ConnectorSettings, door_at: Callable[[int], Door]) -> Door:
    file = settings.folder / PORT
    kept = 0 if settings.data_port else _kept(file)
    door = door_at(settings.data_port or kept)
    try:
        await asyncio.to_thread(door.open)
    except OSError as error:
        if not kept:
            raise
        log.warning("door_port_taken", port=kept, error=str(error))
        door = door_at(0)
        await asyncio.to_thread(door.open)
    if not settings.data_port and door.port != kept:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(f"{door.port}\n")
    return door


def _kept(file: Path) -> int:
    with suppress(FileNotFoundError, ValueError):
        port = int(file.read_text())
        return port if 1024 <= port <= 65535 else 0
    return 0


def _reachable(host: str) -> str:
    return socket.gethostname() if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
