"""The hub's signing keys: Ed25519 key pairs in PEM files, and signatures that are good for one purpose only.

The private key's file is its owner's alone, the public key's lies beside it as ``<name>.pub``. Both are what ``openssl
genpkey -algorithm ed25519`` and ``openssl pkey -pubout`` write. The arithmetic is libsodium's (PyNaCl), which takes 1
MiB of a service where ``cryptography`` takes 10; it is imported with the first key.
"""

import base64
import binascii
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nacl.signing import SigningKey

_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
"""An Ed25519 private key as PKCS #8 (RFC 8410) but for its last 32 bytes, which are the key."""
_PUBLIC = bytes.fromhex("302a300506032b6570032100")
"""An Ed25519 public key as SubjectPublicKeyInfo (RFC 8410) but for its last 32 bytes, which are the key."""


class KeyFileError(Exception):
    """A key file is unreadable, of another kind, or open to other users."""


class BadSignatureError(Exception):
    """A signature is not this key's over these bytes for this purpose."""


class PublicKey:
    """Checks what the other half signed; ``raw`` is its 32 bytes."""

    def __init__(self, raw: bytes) -> None:
        from nacl.signing import VerifyKey

        self._key = VerifyKey(raw)

    @classmethod
    def open(cls, path: Path) -> "PublicKey":
        """The key in the PEM file ``path``.

        Raises:
            KeyFileError: the file is missing or holds no such key.
        """
        try:
            pem = path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"{path} holds no public key: {error.strerror}") from None
        return cls(_parsed(path, pem, "PUBLIC KEY", _PUBLIC))

    @property
    def pem(self) -> bytes:
        return _pem("PUBLIC KEY", _PUBLIC + bytes(self._key))

    def verify(self, purpose: bytes, message: bytes, signature: bytes) -> None:
        """Return if ``signature`` is this key's over ``message`` for ``purpose``.

        Raises:
            BadSignatureError: it is not.
        """
        from nacl.exceptions import CryptoError

        try:
            self._key.verify(purpose + message, signature)
        except CryptoError:
            raise BadSignatureError from None


class PrivateKey:
    """Signs. ``purpose`` goes into each signature, so that one made for one thing is none for another."""

    def __init__(self, key: "SigningKey") -> None:
        self._key = key

    @classmethod
    def generate(cls) -> "PrivateKey":
        from nacl.signing import SigningKey

        return cls(SigningKey.generate())

    @classmethod
    def open(cls, path: Path) -> "PrivateKey":
        """The key in ``path``, made when there is none; ``<path>.pub`` beside it is brought up to date.

        Raises:
            KeyFileError: the file holds no such key, or others than its owner may read it.
        """
        if not path.exists():
            _create(path, cls.generate())
        key = cls._read(path)
        public = path.with_name(path.name + ".pub")
        if not public.exists() or public.read_bytes() != key.public.pem:
            _write(public, key.public.pem)
        return key

    @classmethod
    def _read(cls, path: Path) -> "PrivateKey":
        from nacl.signing import SigningKey

        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                pem = file.read()
        except OSError as error:
            raise KeyFileError(f"{path} holds no private key: {error.strerror}") from None
        raw = _parsed(path, pem, "PRIVATE KEY", _PRIVATE)
        if mode & 0o077:
            raise KeyFileError(f"{path} may be read by others than its owner: chmod 600 it")
        return cls(SigningKey(raw))

    @property
    def public(self) -> PublicKey:
        """What checks this key's signatures."""
        return PublicKey(bytes(self._key.verify_key))

    @property
    def pem(self) -> bytes:
        """The key itself: a secret."""
        return _pem("PRIVATE KEY", _PRIVATE + bytes(self._key))

    def sign(self, purpose: bytes, message: bytes) -> bytes:
        """64 bytes, the same for the same message each time."""
        return bytes(self._key.sign(purpose + message).signature)


def _pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n".encode()


def _parsed(path: Path, pem: bytes, label: str, head: bytes) -> bytes:
    """The 32 bytes of the key in ``pem``."""
    name = label.lower()
    begin, end = f"-----BEGIN {label}-----".encode(), f"-----END {label}-----".encode()
    body, found, _ = pem.partition(begin)[2].partition(end)
    try:
        der = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise KeyFileError(f"{path} holds no {name}: its base64 is damaged") from None
    if not found or not der:
        raise KeyFileError(f"{path} holds no {name}")
    if not der.startswith(head) or len(der) != len(head) + 32:
        raise KeyFileError(f"{path} holds a {name} of another kind than Ed25519")
    return der[len(head) :]


def _create(path: Path, key: PrivateKey) -> None:
    """Keep a new key in ``path`` unless another process was faster: then its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = _temporary(path, key.pem, 0o600)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    _sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    _temporary(path, data, 0o644).replace(path)
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
