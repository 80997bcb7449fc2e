"""Tickets: what lets one pod fetch the chunks of one version from another, until a given time.

A ticket is signed by the hub (Ed25519) and checked by whoever serves; both ends need a key and nothing else. Its form
is constant, ``<claims>.<signature>`` in base64url: there is no algorithm field that a forger could choose.
"""

import base64
import binascii
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from runtime.signing import BadSignatureError, PrivateKey, PublicKey

MAX_TOKEN = 4096
"""Characters of the longest token; a longer one is refused before anything is computed."""
_PURPOSE = b"imprint/ticket/1\0"

Reason = Literal["too_large", "malformed", "bad_signature", "expired"]


class TicketError(Exception):
    """A token that opens nothing; ``reason`` is stable, the message never contains the token."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"ticket refused: {reason}")
        self.reason = reason


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """``pod`` may fetch the disks with these BLAKE3 roots (64 hex digits) of ``version`` until ``expires`` (UTC)."""

    pod: str
    version: str
    roots: tuple[str, ...]
    expires: datetime


class _Claims(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How a ticket is written: roots as 32 bytes each, one after the other; whole milliseconds since 1970."""

    pod: str
    version: str
    roots: bytes
    expires: int


C = TypeVar("C", bound=msgspec.Struct)


class Signer:
    """Signs tickets with the hub's private key."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> "Signer":
        """The signer with the key in ``path``; the key is made when there is none, and ``<path>.pub`` beside it.

        Raises:
            KeyFileError: the file holds no such key, or others than its owner may read it.
        """
        return cls(PrivateKey.open(path))

    @property
    def public_key(self) -> PublicKey:
        """What `verify` needs."""
        return self._key.public

    def sign(self, ticket: Ticket) -> str:
        """The token of ``ticket``. Raises ValueError when a root is no digest or the token would be too long."""
        roots = [bytes.fromhex(root) for root in dict.fromkeys(ticket.roots)]
        if any(len(root) != 32 for root in roots):
            raise ValueError("a root is 64 hex digits")
        claims = _Claims(ticket.pod, ticket.version, b"".join(roots), milliseconds(ticket.expires))
        token = write(self._key, _PURPOSE, claims)
        if len(token) > MAX_TOKEN:
            raise ValueError(f"a ticket for {len(roots)} disks is too long")
        return token


def verify(token: str, public_key: PublicKey, now: datetime) -> Ticket:
    """The ticket in ``token``, if the hub signed it and ``now`` is before its end.

    Which pod asks, and for which disks, is for the caller to hold against it.

    Raises:
        TicketError: with its reason.
    """
    found = read(token, public_key, _PURPOSE, _Claims)
    if len(found.roots) % 32:
        raise TicketError("malformed")
    expires = until(found.expires, now)
    roots = tuple(found.roots[at : at + 32].hex() for at in range(0, len(found.roots), 32))
    return Ticket(pod=found.pod, version=found.version, roots=roots, expires=expires)


def write(key: PrivateKey, purpose: bytes, claims: msgspec.Struct) -> str:
    """The token that says ``claims`` for ``purpose``."""
    body = msgspec.msgpack.encode(claims)
    return f"{_text(body)}.{_text(key.sign(purpose, body))}"


def read(token: str, key: PublicKey, purpose: bytes, kind: type[C]) -> C:
    """The claims in ``token``, if it was signed for ``purpose``. Raises TicketError."""
    body, signature = _parts(token)
    try:
        key.verify(purpose, body, signature)
    except BadSignatureError:
        raise TicketError("bad_signature") from None
    return _decoded(body, kind)


def unverified(token: str, kind: type[C]) -> C:
    """The claims in ``token``, whoever wrote them. Raises TicketError."""
    return _decoded(_parts(token)[0], kind)


def _parts(token: str) -> tuple[bytes, bytes]:
    if len(token) > MAX_TOKEN:
        raise TicketError("too_large")
    first, dot, second = token.partition(".")
    if not dot:
        raise TicketError("malformed")
    return _bytes(first), _bytes(second)


def _decoded(body: bytes, kind: type[C]) -> C:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TicketError("malformed") from None


def milliseconds(at: datetime) -> int:
    """How a time stands in claims."""
    return int(at.timestamp() * 1000)


def until(expires: int, now: datetime) -> datetime:
    """The end of a ticket that is still good. Raises TicketError."""
    try:
        end = datetime.fromtimestamp(expires / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise TicketError("malformed") from None
    if now >= end:
        raise TicketError("expired")
    return end


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """The bytes of ``text``, which must be the only way to write them."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TicketError("malformed") from None
    if _text(data) != text:
        raise TicketError("malformed")
    return data
