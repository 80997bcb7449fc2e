"""Tickets: what lets one pod fetch the chunks of one version from another, until a given time.

A ticket is signed by the hub (Ed25519) and checked by whoever serves; both ends need a key and nothing else. Its form
is constant, ``<claims>.<signature>`` in base64url: there is no algorithm field that a forger could choose.
"""

import base64
import binascii
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_TOKEN = 4096
"""Characters of the longest token; a longer one is refused before anything is computed."""
_CONTEXT = b"imprint/ticket/1\0"
"""Signed with the claims, so that a signature made for another purpose is none for a ticket."""

Reason = Literal["too_large", "malformed", "bad_signature", "expired"]


class TicketError(Exception):
    """A token that opens nothing; ``reason`` is stable, the message never contains the token."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"ticket refused: {reason}")
        self.reason = reason


class KeyFileError(Exception):
    """A key file is unreadable, of another kind, or open to other users."""


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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Claims).decode


class Signer:
    """Signs tickets with the hub's private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> "Signer":
        """The signer with the key in ``path``; the key is made when there is none, and ``<path>.pub`` beside it.

        Raises:
            KeyFileError: the file holds no such key, or others than its owner may read it.
        """
        if not path.exists():
            _create(path)
        signer = cls(_read_private(path))
        public = path.with_name(path.name + ".pub")
        if not public.exists() or public.read_bytes() != signer.public_pem:
            _write(public, signer.public_pem, 0o644)
        return signer

    @property
    def public_key(self) -> Ed25519PublicKey:
        """What `verify` needs."""
        return self._key.public_key()

    @property
    def public_pem(self) -> bytes:
        """The public key as PEM."""
        return self.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, ticket: Ticket) -> str:
        """The token of ``ticket``. Raises ValueError when a root is no digest or the token would be too long."""
        roots = [bytes.fromhex(root) for root in dict.fromkeys(ticket.roots)]
        if any(len(root) != 32 for root in roots):
            raise ValueError("a root is 64 hex digits")
        expires = int(ticket.expires.timestamp() * 1000)
        claims = _encode(_Claims(ticket.pod, ticket.version, b"".join(roots), expires))
        token = f"{_text(claims)}.{_text(self._key.sign(_CONTEXT + claims))}"
        if len(token) > MAX_TOKEN:
            raise ValueError(f"a ticket for {len(roots)} disks is too long")
        return token


def open_public_key(path: Path) -> Ed25519PublicKey:
    """The hub's public key in the PEM file ``path``.

    Raises:
        KeyFileError: the file is missing or holds no such key.
    """
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path} holds no public key: {type(error).__name__}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds a key of another kind than Ed25519")
    return key


def verify(token: str, public_key: Ed25519PublicKey, now: datetime) -> Ticket:
    """The ticket in ``token``, if the hub signed it and ``now`` is before its end.

    Which pod asks, and for which disks, is for the caller to hold against it.

    Raises:
        TicketError: with its reason.
    """
    if len(token) > MAX_TOKEN:
        raise TicketError("too_large")
    first, dot, second = token.partition(".")
    if not dot:
        raise TicketError("malformed")
    claims, signature = _bytes(first), _bytes(second)
    try:
        public_key.verify(signature, _CONTEXT + claims)
    except InvalidSignature:
        raise TicketError("bad_signature") from None
    try:
        found = _decode(claims)
        expires = datetime.fromtimestamp(found.expires / 1000, UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, OSError):
        raise TicketError("malformed") from None
    if len(found.roots) % 32:
        raise TicketError("malformed")
    if now >= expires:
        raise TicketError("expired")
    roots = tuple(found.roots[at : at + 32].hex() for at in range(0, len(found.roots), 32))
    return Ticket(pod=found.pod, version=found.version, roots=roots, expires=expires)


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


def _create(path: Path) -> None:
    """Make a new key in ``path`` unless another process was faster: then its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = _temporary(path, pem, 0o600)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    _sync_folder(path.parent)


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = _temporary(path, data, mode)
    temporary.replace(path)
    _sync_folder(path.parent)


def _temporary(path: Path, data: bytes, mode: int) -> Path:
    """``data``, durable, in a new file beside ``path``."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_private(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read()
        key = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"{path} holds no private key: {type(error).__name__}") from None
    if mode & 0o077:
        raise KeyFileError(f"{path} may be read by others than its owner: chmod 600 it")
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind than Ed25519")
    return key
