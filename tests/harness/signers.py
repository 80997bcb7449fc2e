"""Those who sign images: a key, and a certificate of it that a tenant keeps."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Signer:
    """Signs files as ``openssl dgst -sha256 -sign`` does; the certificate is self-signed."""

    def __init__(
        self, key: Key | None = None, *, begin: datetime | None = None, life: timedelta = timedelta(days=1)
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP384R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
        start = begin or datetime.now(UTC) - timedelta(hours=1)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + life)
            .sign(self.key, hashes.SHA256())
        )
        self.pem = made.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, content: bytes) -> bytes:
        """The signature of a file."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
            return self.key.sign(content, pss, hashes.SHA256())
        return self.key.sign(content, ec.ECDSA(hashes.SHA256()))
