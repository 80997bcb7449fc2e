"""The house's certificate authority: it says which pod is which at the doors between pods, and nothing else anywhere.

It lives for ten years, what it issues for 397 days; what has less than a third of its life left is renewed, with the
same key, so that one file is replaced and no half of a pair is ever seen.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imprint.local import certificates
from imprint.local.certificates import RequestError, due, pem, read
from imprint.local.secret_files import write_secret

FOLDER = "authority"
"""Where the authority is among the folders of the clients."""
KEY, CERTIFICATE = "authority.key", "authority.crt"
DOOR_KEY, DOOR_CERTIFICATE = "door.key", "door.crt"


class AuthorityError(Exception):
    """A key or a request cannot be used; the message says which and why, and holds no secret."""


class Authority:
    """Issues certificates for the doors. Its key stays in its folder and is used on this machine only."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate

    @classmethod
    def open(cls, folder: Path, now: datetime | None = None) -> "Authority":
        """The authority in ``folder``, made when there is none, its certificate renewed when it is due.

        Raises:
            AuthorityError: its key cannot be used.
            OSError: a file cannot be read or written.
        """
        now = now or datetime.now(UTC)
        key = key_in(folder / KEY)
        certificate = read(folder / CERTIFICATE)
        if certificate is None or certificate.public_key() != key.public_key() or due(certificate, now):
            certificate = certificates.self_signed(key, now)
            write_secret(folder / CERTIFICATE, pem(certificate))
        return cls(key, certificate)

    def enrol(self, folder: Path, bearer: str, now: datetime | None = None) -> None:
        """Give ``bearer`` what it needs in ``folder``: its key, its certificate and the authority's.

        What is there and good stays. A certificate without a key beside it is for a key that is kept elsewhere (see
        `sign`) and is renewed for that one.

        Raises:
            AuthorityError: the key that is there cannot be used.
            OSError: a file cannot be read or written.
        """
        now = now or datetime.now(UTC)
        write_secret(folder / CERTIFICATE, pem(self.certificate))
        found = read(folder / DOOR_CERTIFICATE)
        if found is not None and not (folder / DOOR_KEY).exists():
            try:
                public = certificates.acceptable(found.public_key())
            except RequestError as error:
                raise AuthorityError(f"{folder / DOOR_CERTIFICATE}: {error}") from None
        else:
            public = key_in(folder / DOOR_KEY).public_key()
        if found is None or not certificates.stands(found, bearer, public, self.certificate, now):
            issued = certificates.issued(bearer, public, self._key, self.certificate, now)
            write_secret(folder / DOOR_CERTIFICATE, pem(issued))

    def sign(self, folder: Path, bearer: str, request: bytes, now: datetime | None = None) -> str:
        """The certificate (PEM) for a key that was made elsewhere and stays there; it is kept in ``folder`` too.

        Raises:
            AuthorityError: the request cannot be used (see `certificates.requested`), or ``folder`` has a key itself.
            OSError: a file cannot be read or written.
        """
        if (folder / DOOR_KEY).exists():
            raise AuthorityError(f"{folder / DOOR_KEY} is there: remove it if {bearer} is to keep its key to itself")
        try:
            public = certificates.requested(request, bearer)
        except RequestError as error:
            raise AuthorityError(str(error)) from None
        issued = certificates.issued(bearer, public, self._key, self.certificate, now or datetime.now(UTC))
        write_secret(folder / CERTIFICATE, pem(self.certificate))
        write_secret(folder / DOOR_CERTIFICATE, pem(issued))
        return pem(issued)


@dataclass(frozen=True)
class Held:
    """A certificate that a client (``connector-pod-1``, ``gateway``) or the authority itself has."""

    client: str
    names: tuple[str, ...]
    expires: datetime
    due: bool


def held(folder: Path, now: datetime | None = None) -> list[Held]:
    """The certificates in the clients' folders below ``folder``, the authority's among them."""
    now = now or datetime.now(UTC)
    files = sorted(file for name in (f"{FOLDER}/{CERTIFICATE}", f"*/{DOOR_CERTIFICATE}", "*/https.crt")
                   for file in folder.glob(name))  # fmt: skip
    found = [(file.parent.name, certificate) for file in files if (certificate := read(file)) is not None]
    return [
        Held(client, tuple(certificates.names(one)), one.not_valid_after_utc, due(one, now)) for client, one in found
    ]


def key_in(file: Path) -> ec.EllipticCurvePrivateKey:
    """The key in ``file``, made when there is none. Raises AuthorityError."""
    if not file.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        text = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
        write_secret(file, text)
        return made
    if file.stat().st_mode & 0o077:
        raise AuthorityError(f"{file} may be read by others than its owner: chmod 600 it")
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"{file} holds no private key: {type(error).__name__}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{file} holds a key of another kind than ECDSA")
    return key
