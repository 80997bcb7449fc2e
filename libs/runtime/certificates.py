"""X.509 certificates that people give us, and what was signed with their keys.

The arithmetic is OpenSSL's (``cryptography``, 10 MiB of a service), imported with the first certificate. Nothing here
asks who issued a certificate: whoever gives it to us vouches for it.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

LEAST_RSA = 2048
"""Bits of the shortest RSA key."""
MOST_RSA = 8192
"""Bits of the longest: a check takes time with the square of it."""


class CertificateError(Exception):
    """The text is no certificate, or not one that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says. ``pem`` is it alone, without what else stood in the text; ``fingerprint`` the SHA-256
    over its DER, hex; ``key_type`` as `contracts.preparation.KeyType`."""

    pem: str
    subject: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    key_type: str


def read(pem: str) -> Facts:
    """The one certificate in a PEM text.

    Raises:
        CertificateError: there is none, or several, or a private key, or a key that signatures are not checked with.
    """
    if "PRIVATE KEY" in pem:
        raise CertificateError("a private key is in it: it is nobody's but the signer's")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        if len(found) != 1:
            raise CertificateError(f"there are {len(found)} certificates in it")
        (one,) = found
        return Facts(
            pem=one.public_bytes(Encoding.PEM).decode(),
            subject=one.subject.rfc4514_string()[:1024],
            fingerprint=one.fingerprint(hashes.SHA256()).hex(),
            not_before=one.not_valid_before_utc,
            not_after=one.not_valid_after_utc,
            key_type=_key_type(one.public_key()),
        )
    except CertificateError:
        raise
    except Exception as error:  # ValueError, UnsupportedAlgorithm, and what strange encodings come to
        raise CertificateError("it cannot be read as an X.509 certificate in PEM") from error


def _key_type(key: object) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPublicKey):
        if not LEAST_RSA <= key.key_size <= MOST_RSA:
            raise CertificateError(f"its RSA key has {key.key_size} bits, {LEAST_RSA} to {MOST_RSA} are allowed")
        return "RSA-PSS"
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = key.curve.name
        if curve not in ("secp384r1", "secp521r1"):
            raise CertificateError(f"its key is on the curve {curve[:40]}; P-384 and P-521 are allowed")
        return f"ECC_{curve.upper()}"
    raise CertificateError("its key is neither RSA nor on an elliptic curve")


def holds(pem: str, signature: str, sha256: str) -> bool:
    """Whether ``signature`` (base64) is over what has the digest ``sha256`` (hex), by the key of the certificate
    ``pem``: RSA-PSS with MGF1 over SHA-256 and a salt of any length, or ECDSA.

    Raises:
        CertificateError: the certificate cannot be used.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    try:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    except Exception as error:
        raise CertificateError("it cannot be read as an X.509 certificate in PEM") from error
    _key_type(key)
    taken = Prehashed(hashes.SHA256())
    try:
        value, digest = base64.b64decode(signature, validate=True), bytes.fromhex(sha256)
        if isinstance(key, rsa.RSAPublicKey):
            padded = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
            key.verify(value, digest, padded, taken)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, digest, ec.ECDSA(taken))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
