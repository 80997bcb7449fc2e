"""What lets the gateway send a file to a pod: the name of an upload, and the ticket that opens the pod's door for it.

The *name* stands in URLs and says all there is to know of an upload; whoever has it may go on with it, so it holds an
id that nobody guesses, and it is signed, so that nobody makes one up. The *ticket* is short-lived and its bearer's
alone. Both are signed for purposes of their own: neither is the other, and neither opens a door to chunks.
"""

from datetime import datetime

import msgspec

from runtime.signing import PrivateKey, PublicKey
from runtime.tickets import TicketError, milliseconds, read, until, unverified, write

_NAME = b"imprint/upload/1\0"
_TICKET = b"imprint/upload-ticket/1\0"


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file of ``size`` bytes on its way into the incoming folder of ``pod``, as ``name``. ``id``: 32 hex digits."""

    tenant: str
    pod: str
    name: str
    size: int
    id: str


class UploadTicket(msgspec.Struct, frozen=True, kw_only=True):
    """``bearer`` may send the file ``name`` of ``size`` bytes to ``pod``, as upload ``id``, until ``expires`` (UTC)."""

    bearer: str
    pod: str
    name: str
    size: int
    id: str
    expires: datetime


class _Name(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    tenant: str
    pod: str
    name: str
    size: int
    id: str


class _Ticket(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    bearer: str
    pod: str
    name: str
    size: int
    id: str
    expires: int


class UploadSigner:
    """Names uploads and signs their tickets with the hub's private key; ``public_key`` checks both."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.public_key = key.public

    def name(self, upload: Upload) -> str:
        """The token that names the upload: the same each time."""
        return write(self._key, _NAME, _Name(upload.tenant, upload.pod, upload.name, upload.size, upload.id))

    def ticket(self, ticket: UploadTicket) -> str:
        """The token of the ticket."""
        claims = _Ticket(ticket.bearer, ticket.pod, ticket.name, ticket.size, ticket.id, milliseconds(ticket.expires))
        return write(self._key, _TICKET, claims)

    def named(self, token: str) -> Upload:
        """The upload that a name is of. Raises TicketError."""
        return _upload(read(token, self.public_key, _NAME, _Name))


def claimed(token: str) -> Upload:
    """What a name says, its signature unseen: to ask the hub by, which sees it. Raises TicketError."""
    return _upload(unverified(token, _Name))


def verify_upload(token: str, public_key: PublicKey, now: datetime) -> UploadTicket:
    """The ticket in ``token``, if the hub signed it and ``now`` is before its end. Raises TicketError."""
    found = read(token, public_key, _TICKET, _Ticket)
    return UploadTicket(
        bearer=found.bearer, pod=found.pod, name=found.name, size=found.size, id=found.id,
        expires=until(found.expires, now),
    )  # fmt: skip


def _upload(found: _Name) -> Upload:
    return Upload(tenant=found.tenant, pod=found.pod, name=found.name, size=found.size, id=found.id)


__all__ = ["TicketError", "Upload", "UploadSigner", "UploadTicket", "claimed", "verify_upload"]
