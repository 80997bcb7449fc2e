"""A certificate as people see it."""

from catalog.domain.certificate import KeptCertificate
from contracts.views import CertificateView


def certificate_view(kept: KeptCertificate) -> CertificateView:
    """A certificate, its private half being nobody's but the signer's."""
    one = kept.certificate
    return CertificateView(
        name=one.name,
        pem=one.pem,
        subject=one.subject,
        fingerprint=one.fingerprint,
        not_before=kept.not_before,
        not_after=kept.not_after,
    )
