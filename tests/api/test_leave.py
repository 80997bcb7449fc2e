"""Who reads a large disk may go on for as long as he is let in and may read the version (features.md E5)."""

from typing import Any

import pytest

from contracts.errors import Problem
from contracts.requests import Actor, See, Seen
from gateway.guessing import LONGEST
from gateway.leave import LOOK, Leave

BOB = Actor(tenant="beta", name="bob", roles=("reader",))
VERSION = "b" * 32
AWAY = Problem(code="unavailable", detail="Nobody is there.")


class Hub:
    """What is said of bob and of the version, and how often somebody asked."""

    def __init__(self) -> None:
        self.now = 100.0
        self.bearer: Any = BOB
        self.seen: Any = Seen(versions=(VERSION,))
        self.asked: list[See] = []
        self.leave = Leave(VERSION, self.again, self.see, lambda: self.now)

    async def again(self) -> Any:
        return self.bearer

    async def see(self, question: See) -> Any:
        self.asked.append(question)
        return self.seen

    async def later(self, seconds: float = LOOK) -> bool:
        self.now += seconds
        return await self.leave.holds()


@pytest.fixture
def hub() -> Hub:
    return Hub()


async def test_who_reads_on_is_asked_about_now_and_then(hub: Hub) -> None:
    assert [await hub.later(LOOK / 4) for _ in range(8)] == [True] * 8
    assert hub.asked == [See(actor=BOB, versions=(VERSION,))] * 2


async def test_e5_after_the_removal_no_more_is_read(hub: Hub) -> None:
    hub.seen = Seen()
    assert await hub.later(LOOK / 2)
    assert not await hub.later()


async def test_with_a_revoked_token_no_more_is_read(hub: Hub) -> None:
    hub.bearer = Problem(code="unauthenticated", detail="No.")
    assert not await hub.later()
    assert not hub.asked


@pytest.mark.parametrize("silent", ["bearer", "seen"])
async def test_a_service_that_is_away_says_nothing_against_anybody_for_a_while(hub: Hub, silent: str) -> None:
    setattr(hub, silent, AWAY)
    assert await hub.later()
    assert await hub.later(LONGEST - LOOK - 1)
    assert not await hub.later()
