"""The certificates by which signatures of images are checked."""

from catalog import pages
from catalog.documents import CERTIFICATE, certificate_key
from catalog.views import certificate_view
from contracts.errors import Problem
from contracts.requests import CertificatePage, ListCertificates
from runtime.store import Reader

OF_TENANT = """
    SELECT id, body FROM documents WHERE kind = 'certificate' AND id > ? AND id < ? ORDER BY id LIMIT ?"""


async def list_certificates(query: ListCertificates, reader: Reader) -> CertificatePage | Problem:
    """The tenant's certificates, by name."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, str)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    tenant = query.actor.tenant
    after = certificate_key(tenant, "" if cursor is None else cursor.rpartition("/")[2])
    rows = await reader.rows(OF_TENANT, (after, f"{tenant}0", limit + 1))  # "0" is what follows "/"
    page = pages.cut(rows, limit, body=1)
    return CertificatePage(
        items=tuple(certificate_view(CERTIFICATE.decode(body)) for _, body in page.rows), next=page.next
    )
