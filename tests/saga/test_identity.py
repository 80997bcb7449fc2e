"""Tokens from their making to their end, through the door to the real directory; and what a stranger learns (F14)."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from contracts.requests import Actor, CreateToken, RevokeToken, SetTenant, SetUser
from contracts.views import TokenView
from gateway.identity import KEPT
from gateway.server import Gateway, gateway
from harness.asking import ACTOR
from harness.house import TOKEN, House
from harness.wait import until
from runtime.bearer import digest, new_secret
from runtime.ids import new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(home: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway(home.door_settings(tmp_path_factory.mktemp("gateway"))) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def http(door: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=door.url, timeout=30, trust_env=False) as client:
        yield client


async def get(http: httpx.AsyncClient, path: str, token: str) -> httpx.Response:
    return await http.get(path, headers={"authorization": f"Bearer {token}"})


async def given(home: House, tenant: str, user: str, *roles: str) -> tuple[str, TokenView]:
    """A user of a tenant with these roles, and a token of his."""
    made = await home.command(SetUser, name=user, tenant=tenant, roles=roles)
    assert made.name == user, made
    secret = new_secret()
    token = await home.command(CreateToken, user=user, tenant=tenant, digest=digest(secret))
    assert isinstance(token, TokenView), token
    return secret, token


async def test_the_admin_of_the_installation_may_do_everything(home: House, http: httpx.AsyncClient) -> None:
    assert (await get(http, "/v1/pods", TOKEN)).status_code == 200
    assert (await get(http, "/metrics", TOKEN)).status_code == 200
    made = await http.post("/v1/galleries", json={"name": "admins"}, headers={"authorization": f"Bearer {TOKEN}"})
    assert made.status_code == 201, made.text


async def test_a_token_opens_its_own_tenant_until_it_is_revoked(home: House, http: httpx.AsyncClient) -> None:
    secret, token = await given(home, "acme", "jo", "reader")
    assert (await get(http, "/v1/images", secret)).json()["items"] == []
    assert (await get(http, "/metrics", secret)).status_code == 403
    refused = await http.post("/v1/galleries", json={"name": "x"}, headers={"authorization": f"Bearer {secret}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    await home.command(RevokeToken, token=token.id, tenant="acme")
    await until(lambda: _closed(http, secret))
    wrong = await get(http, "/v1/images", new_secret())
    assert (await get(http, "/v1/images", secret)).content == wrong.content


async def _closed(http: httpx.AsyncClient, secret: str) -> bool:
    return (await get(http, "/v1/images", secret)).status_code == 401


async def test_a_disabled_tenant_asks_no_more_and_is_back_when_it_is_enabled(
    home: House, http: httpx.AsyncClient
) -> None:
    secret, _ = await given(home, "globex", "hank", "owner")
    assert (await get(http, "/v1/images", secret)).status_code == 200
    await home.command(SetTenant, name="globex", disabled=True)
    await until(lambda: _closed(http, secret))
    await home.command(SetTenant, name="globex", disabled=False)
    assert (await get(http, "/v1/images", secret)).status_code == 200


async def test_a_stranger_learns_nothing_of_an_image_that_is_not_his(home: House, http: httpx.AsyncClient) -> None:
    made = await http.post(
        "/v1/images", json={"name": "secret", "gallery": "default"}, headers={"authorization": f"Bearer {TOKEN}"}
    )
    assert made.status_code == 201, made.text
    secret, _ = await given(home, "initech", "peter", "owner")
    asked = [made.json()["id"], new_id()]
    answers = [await get(http, f"/v1/images/{image}", secret) for image in asked]
    assert [answer.status_code for answer in answers] == [404, 404]
    there, nowhere = (answer.text.replace(image, "") for answer, image in zip(answers, asked, strict=True))
    assert there == nowhere


async def test_the_hub_asked_by_somebody_without_a_role_does_nothing(home: House) -> None:
    nobody = Actor(tenant=ACTOR.tenant, name="nobody")
    found = await home.ask(SetTenant(id=new_id(), actor=nobody, name="evil"))
    assert found.code == "forbidden"


async def test_revocation_is_as_quick_with_many_who_ask(home: House, http: httpx.AsyncClient) -> None:
    secret, token = await given(home, "umbrella", "alice", "reader")
    assert (await get(http, "/v1/images", secret)).status_code == 200
    await home.command(RevokeToken, token=token.id, tenant="umbrella")
    await asyncio.sleep(KEPT)
    answers = await asyncio.gather(*(get(http, "/v1/images", secret) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {401}
