"""The certificate by which clients know the HTTP API, where nobody gave one: issued by an authority of its own.

Whoever trusts that authority trusts it for the names of this door alone: they are in its certificate as a constraint.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from imprint.local.authority import key_in
from imprint.local.certificates import ISSUED, LIFE, builder, due, pem, read, usage
from imprint.local.secret_files import write_secret

AUTHORITY_KEY, AUTHORITY_CERTIFICATE = "https.key", "https.crt"
"""In the folder of the authority."""
KEY, CERTIFICATE, TRUST = "https.key", "https.crt", "https-authority.crt"
"""In the gateway's."""
NAMES = ("localhost", "127.0.0.1", "::1")
"""What the door is called where nothing else is said."""


def make(authority: Path, folder: Path, names: Sequence[str] = NAMES, now: datetime | None = None) -> None:
    """Give ``folder`` a key, a certificate for ``names`` (DNS names, addresses) and that of the authority who issued
    it. What is there and good stays.

    Raises:
        AuthorityError: a key that is there cannot be used.
        ValueError: a name cannot be in a certificate.
        OSError: a file cannot be read or written.
    """
    now = now or datetime.now(UTC)
    wanted = [_name(name) for name in names]
    key = key_in(authority / AUTHORITY_KEY)
    root = read(authority / AUTHORITY_CERTIFICATE)
    if root is None or root.public_key() != key.public_key() or due(root, now) or _permitted(root) != _subtrees(wanted):
        root = _root(key, wanted, now)
        write_secret(authority / AUTHORITY_CERTIFICATE, pem(root))
    write_secret(folder / TRUST, pem(root))
    own = key_in(folder / KEY)
    found = read(folder / CERTIFICATE)
    if found is None or not _stands(found, own, root, wanted, now):
        write_secret(folder / CERTIFICATE, pem(_issued(own, key, root, wanted, now)))


def _stands(
    found: x509.Certificate,
    own: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    wanted: list[x509.GeneralName],
    now: datetime,
) -> bool:
    try:
        found.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        return False
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(named) == wanted and found.public_key() == own.public_key() and not due(found, now)


def _root(key: ec.EllipticCurvePrivateKey, wanted: list[x509.GeneralName], now: datetime) -> x509.Certificate:
    return (
        builder("Imprint API", None, key.public_key(), now, now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True), critical=True)
        .add_extension(x509.NameConstraints(_subtrees(wanted), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _issued(
    own: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    wanted: list[x509.GeneralName],
    now: datetime,
) -> x509.Certificate:
    public = own.public_key()
    return (
        builder("Imprint gateway", root.subject, public, now, min(now + ISSUED, root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text.lower())


def _subtrees(wanted: list[x509.GeneralName]) -> list[x509.GeneralName]:
    """The names as what an authority may vouch for: each address alone, and no address where none is named."""
    found = [
        x509.IPAddress(ipaddress.ip_network(one.value)) if isinstance(one, x509.IPAddress) else one for one in wanted
    ]
    # A kind of name that no constraint mentions would not be constrained at all.
    if not any(isinstance(one, x509.IPAddress) for one in found):
        found.append(x509.IPAddress(ipaddress.ip_network("192.0.2.0/32")))
    if not any(isinstance(one, x509.DNSName) for one in found):
        found.append(x509.DNSName("imprint.invalid"))
    return found


def _permitted(root: x509.Certificate) -> list[x509.GeneralName]:
    try:
        constraints = root.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return []
    return list(constraints.permitted_subtrees or [])
