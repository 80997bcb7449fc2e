"""Wrong tokens by address: how many are answered, how long one waits then, and that nothing of it grows (F14)."""

import asyncio

import pytest

from api.house import House, client_of
from contracts import requests as contract
from contracts.errors import Problem
from gateway.guessing import BURST, EVERY, LONGEST, TURNS, WAITING, Guessing, network
from gateway.server import gateway
from runtime.bearer import digest

module_loop = pytest.mark.asyncio(loop_scope="module")


def test_an_address_is_told_to_wait_after_too_many_and_is_forgiven_one_after_the_other() -> None:
    guessing = Guessing()
    for _ in range(BURST):
        guessing.wrong("192.0.2.1", 100.0)
        assert guessing.wait("192.0.2.1", 100.0) == 0
    guessing.wrong("192.0.2.1", 100.0)
    assert guessing.wait("192.0.2.1", 100.0) == EVERY
    assert guessing.wait("192.0.2.1", 100.0 + EVERY) == 0
    assert guessing.wait("192.0.2.2", 100.0) == 0


def test_nobody_waits_longer_than_the_longest_time_however_often_he_tried() -> None:
    guessing = Guessing()
    for _ in range(10_000):
        guessing.wrong("192.0.2.1", 0.0)
    assert guessing.wait("192.0.2.1", 0.0) == LONGEST
    assert guessing.wait("192.0.2.1", LONGEST) == 0


def test_the_addresses_that_were_quiet_for_longest_are_forgotten_first() -> None:
    guessing = Guessing(most=3)
    for _ in range(BURST + 5):
        for number in range(3):
            guessing.wrong(f"192.0.2.{number}", 0.0)
    for number in range(100):
        guessing.wrong("192.0.2.0", 0.0)
        guessing.wrong(f"198.51.100.{number}", 0.0)
    assert len(guessing) == 3
    assert guessing.wait("192.0.2.0", 0.0) > 0
    assert guessing.wait("192.0.2.1", 0.0) == 0


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:0:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1000, "x" * 64),
    ],
)
def test_the_64_bits_that_one_customer_has_are_one_place(address: str, found: str) -> None:
    assert network(address) == found


async def test_of_those_who_must_wait_few_have_a_turn_and_one_too_many_has_none() -> None:
    guessing, go = Guessing(), asyncio.Event()
    inside = most = 0
    turned_away = []

    async def one() -> None:
        nonlocal inside, most
        async with guessing.turn() as mine:
            if not mine:
                turned_away.append(1)
                return
            inside += 1
            most = max(most, inside)
            await go.wait()
            inside -= 1

    tasks = [asyncio.create_task(one()) for _ in range(WAITING + 10)]
    while len(turned_away) < 10:  # noqa: ASYNC110 - the tasks run on their own
        await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)
    assert (len(turned_away), most) == (10, TURNS)
    async with guessing.turn() as mine:
        assert mine


@module_loop
async def test_who_guesses_is_told_to_wait_and_right_tokens_of_the_same_address_are_served(house: House) -> None:
    async with client_of(house.door, None) as http:

        async def shown(token: str) -> tuple[int, str]:
            answer = await http.get("/v1/pods", headers={"authorization": f"Bearer {token}"})
            return answer.status_code, answer.headers.get("retry-after", "")

        answers = [await shown(f"guess-{number}") for number in range(BURST + 3)]
        assert answers[:BURST] == [(401, "")] * BURST
        status, wait = answers[-1]
        assert (status, 0 < int(wait) <= LONGEST) == (429, True)
        body = (await http.get("/v1/pods", headers={"authorization": "Bearer guess"})).json()
        assert (body["code"], body["data"]["retry_after"] > 0) == ("too_many_attempts", True)
        assert (await house.http.get("/v1/pods")).status_code == 200
        assert (await http.get("/v1/pods")).status_code == 401  # without a token nothing is guessed
        house.services.let("new-and-right")
        assert (await shown("new-and-right"))[0] == 200
    assert len(house.services.identified) <= BURST + 10


@module_loop
async def test_a_service_that_is_away_makes_nobody_a_guesser(house: House) -> None:
    services = house.services
    services.answers[contract.Authenticate] = lambda _: Problem(code="unavailable", detail="Away.")
    async with gateway(house.door.door.settings) as door, client_of(door, None) as asking:
        for number in range(BURST + 5):
            answer = await asking.get("/v1/pods", headers={"authorization": f"Bearer later-{number}"})
            assert answer.status_code == 503
        del services.answers[contract.Authenticate]
        answer = await asking.get("/v1/pods", headers={"authorization": "Bearer later"})
        assert answer.status_code == 401
    assert digest("later") in {asked.digest for asked in services.identified}
