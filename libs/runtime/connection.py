"""The connection of a service to NATS: for ever reconnecting (P1), its errors said in one line (P15)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import structlog
from nats.aio.client import Client

from runtime.settings import Settings

log = structlog.get_logger()


def options(settings: Settings, name: str) -> dict[str, Any]:
    """The connect options that every NATS client of a service shares, also FastStream's broker."""

    async def error(problem: Exception) -> None:
        log.warning("nats_error", error=str(problem) or repr(problem))

    async def disconnected() -> None:
        log.info("nats_disconnected")

    async def reconnected() -> None:
        log.info("nats_reconnected")

    found: dict[str, Any] = {
        "servers": [settings.nats_url],
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.25,
        "ping_interval": 10,
        "error_cb": error,
        "disconnected_cb": disconnected,
        "reconnected_cb": reconnected,
        "inbox_prefix": f"_INBOX_{name}",
    }
    if settings.nats_user:
        found["user"] = settings.nats_user
        found["password"] = Path(settings.nats_password_file).read_text().strip()
    return found


@asynccontextmanager
async def connect(settings: Settings, name: str) -> AsyncIterator[Client]:
    """A connection of one's own; waits for a server that is not up yet."""
    client = await nats.connect(**options(settings, name), pending_size=32 * 1024 * 1024)
    try:
        yield client
    finally:
        await client.close()
