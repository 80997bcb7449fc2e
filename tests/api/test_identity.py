"""Who asks: what the door takes for a token, what services are told of its bearer, and what everybody else hears."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api import views
from api.backend import TOKEN
from api.house import House, client_of
from contracts import requests as contract
from contracts.errors import Problem
from contracts.requests import Actor
from gateway import identity
from gateway.guessing import Guessing
from gateway.identity import KEPT, MOST, UNAUTHENTICATED, Identities, token_in
from runtime.bearer import PREFIX, digest, new_secret

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = ("/health/live", "/health/ready", "/openapi.json")
CLOSED = [
    ("GET", "/v1/images"), ("HEAD", "/v1/images"), ("POST", "/v1/images"), ("OPTIONS", "/v1/images"),
    ("GET", "/v1/events"), ("GET", "/metrics"), ("GET", "/"), ("GET", "/v1/nothing"), ("DELETE", "/health/live/"),
    ("GET", "/health/live%2f"), ("GET", "//openapi.json"), ("PATCH", f"/v1/uploads/{views.IMAGE}"),
]  # fmt: skip
WRONG = [
    "", "Bearer", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN},", "Bearer wrong",
    f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Bearer {'x' * 9000}", f"Bearer {digest(TOKEN)}", "Bearer a.b.c",
    "Bearer \u00e9",
]  # fmt: skip


@pytest.mark.parametrize("path", OPEN)
async def test_probes_and_the_document_need_no_token(house: House, path: str) -> None:
    async with client_of(house.door, None) as http:
        assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_everything_else_does_also_what_there_is_not(house: House, method: str, path: str) -> None:
    async with client_of(house.door, None) as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert house.services.asked == house.services.identified == []


async def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(house: House) -> None:
    answers = set()
    async with client_of(house.door, None) as http:
        for value in [None, *WRONG]:
            headers = {} if value is None else {"authorization": value.encode("latin-1")}
            answer = await http.get("/v1/images", headers=headers)
            without_date = tuple(pair for pair in answer.headers.items() if pair[0] != "date")
            answers.add((answer.status_code, without_date, answer.content))
    assert len(answers) == 1
    assert house.services.asked == []


async def test_two_tokens_are_none(house: House) -> None:
    async with client_of(house.door, None) as http:
        pairs = [("authorization", f"Bearer {TOKEN}")] * 2
        assert (await http.get("/v1/images", headers=pairs)).status_code == 401


async def test_a_body_is_not_read_for_somebody_whom_nobody_knows(house: House) -> None:
    host = httpx.URL(house.door.url)
    reader, writer = await asyncio.open_connection(host.host, host.port)
    writer.write(b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read(-1)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer.lower()
    writer.close()


async def test_services_are_told_who_asks_in_which_roles_and_what_else_he_is(house: House) -> None:
    principals = ("acme", "account:group", "org:corp", "user:acme/ann")
    house.services.let("anns", tenant="acme", name="ann", kind="service", roles=("owner",), principals=principals)
    async with client_of(house.door, "anns") as http:
        await http.post(f"/v1/images/{views.IMAGE}/disable")
    assert house.services.last.actor == Actor(
        tenant="acme", name="ann", kind="service", roles=("owner",), principals=principals
    )
    [asked] = house.services.identified
    assert (asked.digest, asked.actor.name) == (digest("anns"), "gateway")


@pytest.mark.parametrize(("roles", "status"), [(("operator",), 200), (("auditor",), 200), (("owner",), 403), ((), 403)])
async def test_figures_of_the_house_are_for_operators_and_auditors(
    house: House, roles: tuple[str, ...], status: int
) -> None:
    house.services.let("scraper", roles=roles)
    async with client_of(house.door, "scraper") as http:
        await asyncio.sleep(0)
        answer = await http.get("/metrics")
    house.door.door.identities._known.clear()
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "forbidden"


async def test_a_new_secret_is_a_token_and_a_token_is_taken_from_a_single_header_of_the_right_form() -> None:
    secret = new_secret()
    assert (secret.startswith(PREFIX), len(digest(secret)), secret == new_secret()) == (True, 64, False)
    assert token_in([(b"authorization", f"Bearer {secret}".encode())]) == secret
    assert token_in([(b"Authorization", b"bearer  abc")]) == "abc"
    assert token_in([]) is token_in([(b"authorization", b"Bearer a b")]) is None


# --- what is kept, and for how long -----------------------------------------------------------------------------------


class Sharing:
    """The sharing service as `Identities` asks it, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[Any] = []
        self.answer: Callable[[Any], Any] = lambda _: contract.IdentityView(tenant="acme", name="ann")
        self.gate = asyncio.Event()
        self.gate.set()
        self.identities = Identities(self, Guessing(), clock=lambda: self.now)  # type: ignore[arg-type]

    async def ask(self, request: Any, *, timeout: float) -> Any:
        self.asked.append(request)
        await self.gate.wait()
        return self.answer(request)

    async def of(self, token: str) -> Any:
        return await self.identities.of(token, "192.0.2.1")


@pytest.fixture
def sharing() -> Sharing:
    return Sharing()


async def test_a_bearer_is_known_for_two_seconds_and_then_asked_for_again(sharing: Sharing) -> None:
    for passed in (0.0, 1.0, 0.9):
        sharing.now += passed
        assert (await sharing.of("one")).name == "ann"
    assert len(sharing.asked) == 1
    sharing.now += KEPT - 1.9
    sharing.answer = lambda _: Problem(code="unauthenticated", detail="Revoked.")
    assert await sharing.of("one") == UNAUTHENTICATED
    assert len(sharing.asked) == 2


async def test_a_token_that_ends_sooner_is_known_no_longer_than_it_lasts(sharing: Sharing) -> None:
    until = datetime.now(UTC) + timedelta(seconds=0.5)
    sharing.answer = lambda _: contract.IdentityView(tenant="acme", name="ann", until=until)
    assert isinstance(await sharing.of("one"), Actor)
    sharing.now += 0.6
    sharing.answer = lambda _: contract.IdentityView(tenant="acme", name="ann", until=until - timedelta(seconds=9))
    assert await sharing.of("one") == UNAUTHENTICATED


async def test_many_who_ask_at_once_with_one_token_cost_one_question(sharing: Sharing) -> None:
    sharing.gate.clear()
    asking = [asyncio.create_task(sharing.of("one")) for _ in range(100)]
    while not sharing.asked:  # noqa: ASYNC110 - the tasks run on their own
        await asyncio.sleep(0)
    asking[0].cancel()  # who leaves does not take the answer from the others
    sharing.gate.set()
    found = await asyncio.gather(*asking[1:])
    assert ({actor.name for actor in found}, len(sharing.asked)) == ({"ann"}, 1)


async def test_no_more_bearers_are_kept_than_there_is_room_for_and_wrong_tokens_never(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST >= 1024
    monkeypatch.setattr(identity, "MOST", 10)
    for number in range(30):
        await sharing.of(f"right-{number}")
    assert len(sharing.identities._known) == 10
    sharing.answer = lambda _: Problem(code="unauthenticated", detail="No.")
    for number in range(30):
        await sharing.of(f"wrong-{number}")
    assert len(sharing.identities._known) == 10
    assert not sharing.identities._asking


@pytest.mark.parametrize("code", ["unavailable", "timeout", "internal"])
async def test_a_service_that_is_away_says_nothing_about_a_token(sharing: Sharing, code: str) -> None:
    sharing.answer = lambda _: Problem(code=code, detail="Away.")
    assert (await sharing.of("one")).code == code


@pytest.mark.parametrize("code", ["unauthenticated", "tenant_disabled", "token_not_found", "validation_failed"])
async def test_every_other_refusal_is_the_one_that_says_nothing(sharing: Sharing, code: str) -> None:
    sharing.answer = lambda _: Problem(code=code, detail="The tenant acme is disabled.")
    assert await sharing.of("one") == UNAUTHENTICATED
