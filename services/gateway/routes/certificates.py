"""Certificates of the caller's tenant, by which signatures of imported images are checked."""

from typing import Any

from litestar import Request, Response, delete, get, put
from litestar.params import FromPath, RawBody

from contracts.requests import CertificatePage, Done, DropCertificate, ListCertificates, SetCertificate
from contracts.views import CertificateView
from gateway.answers import Cursor, Key, Limit, does, reads, writes
from gateway.bodies import CertificateToSet, read
from gateway.door import Services, answer, certificate_in, done
from gateway.shapes import shape

TAGS = ["certificates"]
PATH = "/v1/certificates/{certificate:str}"


@get(
    "/v1/certificates",
    operation_id="list_certificates",
    summary="List certificates",
    tags=TAGS,
    responses=reads(shape(CertificatePage), "A page of certificates, by name."),
)
async def list_certificates(
    door: Services, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """The certificates of the caller's tenant, with whose they are and how long they hold."""
    asked = ListCertificates(actor=door.actor(request), limit=limit, cursor=cursor)
    return answer(await door.ask(asked, CertificatePage))


@put(
    PATH,
    operation_id="set_certificate",
    summary="Set a certificate",
    tags=TAGS,
    responses=writes(
        200, shape(CertificateView), "The certificate.", "certificate_not_found", "certificate_invalid",
        "limit_exceeded", "forbidden",
    ),
)  # fmt: skip
async def set_certificate(
    door: Services, request: Request[Any, Any, Any], certificate: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Give a certificate a name, or replace the one of this name; an import names it beside its signature."""
    data = read(CertificateToSet, body)
    asked = door.order(SetCertificate, request, key, data, name=certificate_in(certificate))
    return answer(await door.ask(asked, CertificateView))


@delete(
    PATH,
    operation_id="drop_certificate",
    summary="Drop a certificate",
    tags=TAGS,
    status_code=204,
    responses=does(
        "It is gone; versions that were checked by it stay as they are.", "certificate_not_found", "forbidden"
    ),
)
async def drop_certificate(
    door: Services, request: Request[Any, Any, Any], certificate: FromPath[str], key: Key = None
) -> Response[None]:
    """Take a certificate away: no further import can name it."""
    asked = door.order(DropCertificate, request, key, name=certificate_in(certificate))
    await door.ask(asked, Done)
    return done()


HANDLERS = (list_certificates, set_certificate, drop_certificate)
