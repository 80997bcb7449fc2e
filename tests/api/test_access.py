"""Data that is denied: no export for tenants, while all that is known of the version stays to be seen."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from api import views
from api.backend import Backend
from api.house import client_of
from api.test_refusals import check
from contracts import requests as contract
from gateway.server import Gateway

ONE = f"/v1/images/{views.IMAGE}/versions/1.0.0"
DISK = f"{ONE}/disks/0/content"


@pytest.fixture
async def tenant(services: Backend, door: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """The owner of the image, who is no operator."""
    services.let("owners", roles=("owner",))
    async with client_of(door, "owners") as http:
        yield http


async def test_f6_nobody_but_an_operator_exports_what_is_deactivated(
    services: Backend, tenant: httpx.AsyncClient, http: httpx.AsyncClient
) -> None:
    found = check(await tenant.get(DISK), "data_access_denied")
    assert "reactivate" in found["hint"]
    assert (await tenant.head(DISK)).status_code == 403
    assert not any(isinstance(asked, contract.AdmitExport) for asked in services.asked)
    shown = (await tenant.get(ONE)).json()
    assert (shown["deactivated"], shown["manifest"]["disks"][0]["sha256"]) == (True, views.DISK.sha256)
    check(await http.get(DISK), "export_unavailable")  # the operator's door asks the replicator
    assert isinstance(services.last, contract.AdmitExport)


@pytest.mark.parametrize("verb", ["deactivate", "reactivate"])
async def test_f6_an_operator_is_told_what_became_of_another_tenants_version(
    services: Backend, http: httpx.AsyncClient, verb: str
) -> None:
    theirs = msgspec.structs.replace(views.version, tenant="acme", deactivated=verb == "deactivate")
    services.answers[contract.SetDataAccess] = lambda _: theirs
    response = await http.post(f"{ONE}/{verb}")
    assert (response.status_code, response.headers["etag"]) == (200, '"4"')
    assert response.json()["deactivated"] is (verb == "deactivate")
    assert [type(asked) for asked in services.asked] == [contract.SetDataAccess]
