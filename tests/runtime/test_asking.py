"""The asking side of requests, while services come and go."""

from pathlib import Path

import msgspec
from nats.aio.msg import Msg

from contracts.errors import Problem
from contracts.requests import Actor, Done, DropGrant
from harness.toy import outsider, settings
from runtime.requests import Requests

ASKED = DropGrant(id="a" * 32, actor=Actor(tenant="t", name="n", roles=("owner",)), image="i", principal="m")


async def test_a_request_that_died_with_its_service_is_asked_again_before_the_time_is_up(
    nats_url: str, tmp_path: Path
) -> None:
    asked: list[bytes] = []

    async def answer_the_second(message: Msg) -> None:
        asked.append(message.data)
        if len(asked) == 2:
            await message.respond(msgspec.json.encode(Done()))

    async with outsider(nats_url) as client, Requests.connect(settings(nats_url, tmp_path), "asker") as requests:
        await client.subscribe(ASKED.subject(), cb=answer_the_second)
        await client.flush()
        assert await requests.ask(ASKED, timeout=6) == Done()
        assert asked[0] == asked[1]


async def test_a_service_that_does_not_answer_is_asked_twice_at_most(nats_url: str, tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def keep_silent(message: Msg) -> None:
        asked.append(message.data)

    async with outsider(nats_url) as client, Requests.connect(settings(nats_url, tmp_path), "asker") as requests:
        await client.subscribe(ASKED.subject(), cb=keep_silent)
        await client.flush()
        problem = await requests.ask(ASKED, timeout=2.5)
        assert isinstance(problem, Problem)
        assert problem.code == "timeout"
        assert len(asked) == 2
