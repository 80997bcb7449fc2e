"""Certificates by which signatures of imported images are checked."""

from contracts.requests import CertificatePage
from contracts.views import CertificateView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Certificates(Connection):
    """What the client does with the tenant's certificates."""

    async def certificates(self) -> list[CertificateView]:
        """All certificates, by name."""
        return await self._all("/v1/certificates", CertificatePage)

    async def set_certificate(self, name: str, pem: str) -> CertificateView:
        """Give an X.509 certificate (PEM) a name, or replace the one of that name."""
        return await self._write("PUT", _path(name), {"pem": pem}, CertificateView)

    async def drop_certificate(self, name: str) -> None:
        """Take a certificate away; versions that were checked by it stay as they are."""
        await self._command("DELETE", _path(name))


def _path(name: str) -> str:
    return f"/v1/certificates/{segment(name)}"
