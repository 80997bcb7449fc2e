"""The certificates of the doors: what is in one, which key may have one, when one is due for renewal."""

import ipaddress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contracts.names import door_host

LIFE = timedelta(days=3650)
"""Of the authority's own certificate."""
ISSUED = timedelta(days=397)
"""Of a pod's certificate."""
EARLY = timedelta(hours=1)
"""How much earlier than now a certificate begins: clocks differ."""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class RequestError(Exception):
    """A request for a certificate, or the key in it, cannot be used; the message says why."""


def self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """The authority's own certificate. It can vouch for names below ``imprint.internal`` and for no address."""
    house = x509.DNSName(door_host("pod").removeprefix("pod."))
    addresses = [x509.IPAddress(ipaddress.ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    return (
        builder("Imprint doors", None, key.public_key(), now, now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True), critical=True)
        .add_extension(x509.NameConstraints([house], addresses), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def issued(
    bearer: str, public: PublicKey, key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, now: datetime
) -> x509.Certificate:
    """The certificate of ``bearer`` for both ends of a door, signed with the authority's ``key``."""
    host = door_host(bearer)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        builder(host, authority.subject, public, now, min(now + ISSUED, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def stands(found: x509.Certificate, bearer: str, public: PublicKey, authority: x509.Certificate, now: datetime) -> bool:
    """Whether ``found`` is what `issued` would give, and not due."""
    try:
        found.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return names(found) == [door_host(bearer)] and found.public_key() == public and not due(found, now)


def due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether less than a third of the certificate's life is left, or it has not begun."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now < begin or end - now < (end - begin) / 3


def requested(request: bytes, bearer: str) -> PublicKey:
    """The key for which a certificate is asked (PKCS #10, PEM).

    Raises:
        RequestError: it is not signed with that key, asks for another name than that of ``bearer``, or its key is of
            another kind than ECDSA P-256, P-384 and Ed25519.
    """
    try:
        found = x509.load_pem_x509_csr(request)
        valid, asked, public = found.is_signature_valid, names(found), found.public_key()
        asked += [str(name.value) for name in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except _UNREADABLE as error:
        raise RequestError(f"the request cannot be read: {type(error).__name__}") from None
    if not valid:
        raise RequestError("the request is not signed with its own key")
    if foreign := {name for name in asked if name != door_host(bearer)}:
        named = ", ".join(sorted(foreign))[:200]
        raise RequestError(f"the request asks for {named}: it may name {door_host(bearer)} only")
    return acceptable(public)


def acceptable(key: object) -> PublicKey:
    """``key``, if it is of a kind that gets a certificate. Raises RequestError."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    raise RequestError("the key is of another kind than ECDSA P-256, P-384 and Ed25519")


def names(found: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """The names of every kind that are asked for or certified, as text."""
    try:
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in alternatives]


def read(file: Path) -> x509.Certificate | None:
    """The certificate in ``file``; None when there is none or it is damaged: then another is issued."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def pem(certificate: x509.Certificate) -> str:
    """The certificate as it is written to a file."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def builder(
    name: str, issuer: x509.Name | None, public: PublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    """A certificate of ``name`` without its extensions; of itself, where there is no ``issuer``."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateBuilder(
        issuer_name=issuer or subject,
        subject_name=subject,
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - EARLY,
        not_valid_after=end,
    )


def usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    """What a key may be used for."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
