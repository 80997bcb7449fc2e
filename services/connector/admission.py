"""Who is let in at the door: whoever shows a ticket that the hub signed."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from connector.transfer.server import NotAdmittedError

if TYPE_CHECKING:
    from runtime.tickets import Ticket

log = structlog.get_logger()


class Tickets:
    """Checks tickets with the hub's public key, which is read when the first ticket comes: it may be made after us."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._verify: Callable[[str, datetime], Ticket] | None = None

    def __call__(self, token: str, now: datetime) -> "Ticket":
        """The ticket in ``token``. Raises NotAdmittedError."""
        # Imported with the first ticket: an idle connector has no need of the cryptography.
        from runtime import tickets

        if self._verify is None:
            try:
                key = tickets.open_public_key(self._path)
            except tickets.KeyFileError as error:
                log.error("no_ticket_key", error=str(error))
                raise NotAdmittedError(503, "the hub's key is not there") from None
            self._verify = lambda token, now: tickets.verify(token, key, now)
        try:
            return self._verify(token, now)
        except tickets.TicketError as error:
            raise NotAdmittedError(401, str(error)) from None
