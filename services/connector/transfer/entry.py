"""Who is let in at a door: whoever bears a ticket that the hub signed, and that was made for him."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web


class Admitted(Protocol):
    """What a ticket says: the ``pod`` it was made for may fetch the disks with these ``roots``."""

    @property
    def pod(self) -> str: ...

    @property
    def roots(self) -> tuple[str, ...]: ...


class NotAdmittedError(Exception):
    """A ticket opens nothing (401), or cannot be checked at present (503); the message says why.

    ``expired``: it was a good one, and its bearer should have a new one by now.
    """

    def __init__(self, status: int, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.expired = expired


Check = Callable[[str, datetime], Admitted]
"""Token and time -> what it admits to. Raises NotAdmittedError."""


class Denied(Exception):  # noqa: N818
    """A request that is refused with a status; the reason is for the log, never for the caller."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def ticket_of(request: web.BaseRequest, check: Check, bearer: str | None) -> Admitted:
    """What the request's ticket admits to. Raises Denied: 401, 403 when it is another's, 503."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise Denied(401, "no ticket", {"WWW-Authenticate": "Bearer"})
    try:
        ticket = check(token, datetime.now(UTC))
    except NotAdmittedError as error:
        reason = "expired" if error.expired else "refused"
        challenge = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{reason}"'}
        raise Denied(error.status, str(error), challenge if error.status == 401 else None) from None
    if bearer is not None and bearer != ticket.pod:
        raise Denied(403, f"the ticket of pod {ticket.pod} in the hands of {bearer}")
    return ticket
