"""The connection of a service to NATS: for ever reconnecting (P1), its errors said in one line (P15).

What a client may not do the server only says beside the stream of messages; a publish seems to have worked. So each
refusal is an error in the log and a reason not to be ready.
"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import structlog
from nats.aio.client import Client

from contracts.permissions import inbox
from runtime.settings import Settings

RECENT = 60.0
"""Seconds for which a refusal keeps a service from being ready; what is tried again is refused again meanwhile."""
_REFUSED = re.compile(r'permissions violation for (publish|subscription|publish with reply) (?:to|of) "([^"]*)"', re.I)

log = structlog.get_logger()


class Refusals:
    """What the server lately refused to one client."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0.0

    def note(self, action: str, subject: str) -> None:
        """The server refused ``action``: publish, subscription, or reply. ``subject`` is in lower case, for the client
        library gives us no other."""
        log.error("nats_refused", action=action, subject=subject)
        self._text = f"NATS refuses the {action} to {subject}"
        self._at = time.monotonic()

    @property
    def reason(self) -> str:
        """The last refusal, as long as it is recent; empty when there is none."""
        return self._text if self._text and time.monotonic() - self._at < RECENT else ""


def options(settings: Settings, name: str, refusals: Refusals | None = None) -> dict[str, Any]:
    """The connect options that every NATS client of a service shares, also FastStream's broker.

    Inboxes bear the name of the user, for they are what its permissions let it hear; without a login that of the
    connection.
    """
    noted = refusals or Refusals()

    async def error(problem: Exception) -> None:
        if found := _REFUSED.search(str(problem)):
            noted.note("reply" if "reply" in found[1] else found[1], found[2])
        else:
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
        "inbox_prefix": inbox(settings.nats_user or name),
    }
    if settings.nats_user:
        found["user"] = settings.nats_user
        found["password"] = Path(settings.nats_password_file).read_text().strip()
    return found


@asynccontextmanager
async def connect(settings: Settings, name: str, refusals: Refusals | None = None) -> AsyncIterator[Client]:
    """A connection of one's own; waits for a server that is not up yet."""
    client = await nats.connect(**options(settings, name, refusals), pending_size=32 * 1024 * 1024)
    try:
        yield client
    finally:
        await client.close()
