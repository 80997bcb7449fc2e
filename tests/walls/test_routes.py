"""The walls at the door: no route opens without a right token, none tells a stranger what is there."""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, cast

import httpx
import pytest

from contracts.principals import Role
from contracts.requests import Authenticate, GetHealth, Identify, ListDeadLetters, See
from contracts.rights import NEEDS
from walls.doorway import OPERATIONS, POD, Door, without
from walls.land import OWNER
from walls.oracle import ROLES
from walls.routes import BATCHES, OPEN, READ_ON_SHARED, ROUTES, STREAMS

pytestmark = pytest.mark.asyncio(loop_scope="package")
AT_ONCE = 16


async def each(asked: Iterable[Any]) -> list[httpx.Response]:
    """The answers to all of these, some at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(request: Any) -> httpx.Response:
        async with turns:
            return cast(httpx.Response, await request)

    return await asyncio.gather(*(one(request) for request in asked))


async def test_every_route_of_the_document_is_in_the_table_and_every_request_has_one() -> None:
    assert set(ROUTES) == set(OPERATIONS)
    without_a_route = set(NEEDS) - {route.kind for route in ROUTES.values()}
    assert without_a_route == {See, Authenticate, Identify, ListDeadLetters, GetHealth}


async def test_no_route_opens_without_a_token_or_with_one_that_is_wrong_ended_or_revoked(door: Door) -> None:
    tokens = {
        "none": None,
        "wrong": "imprint_" + "a" * 43,
        "no token at all": "x y",
        "expired": await door.bearers.expired(OWNER),
        "revoked": await door.bearers.revoked(OWNER),
    }
    names = [name for name in ROUTES if name not in OPEN]
    bodies = set()
    for which, token in tokens.items():
        # Each from an address of its own: somebody who tries many is told to wait.
        answers = await each(
            door.ask(name, token, door.real, {"x-forwarded-for": f"10.{len(which)}.{n // 200}.{n % 200}"})
            for n, name in enumerate(names)
        )
        wrong = [
            f"{name}: {got.status_code}" for name, got in zip(names, answers, strict=True) if got.status_code != 401
        ]
        assert not wrong, (which, wrong)
        assert {got.headers["www-authenticate"].split()[0] for got in answers} == {"Bearer"}
        bodies |= {got.text for name, got in zip(names, answers, strict=True) if OPERATIONS[name][0] != "HEAD"}
    assert len(bodies) == 1, bodies


async def test_a_role_that_lacks_the_right_is_refused_on_every_route(door: Door) -> None:
    cells = []
    for name, route in ROUTES.items():
        if route.kind is None or name.endswith("_upload") or name == "get_upload_offset":
            continue
        right, scope = NEEDS[route.kind]
        for role in (None, *ROLES):
            if scope in ("tenant", "provider") and right not in ROLES.get(str(role), set()):
                cells.append((name, cast("Role | None", role)))
    tokens = {role: await door.bearers.token("zroles", role) for _, role in cells}
    answers = await each(door.ask(name, tokens[role], door.never) for name, role in cells)
    wrong = [
        f"{name} as {role}: {got.status_code} {got.text[:200]}"
        for (name, role), got in zip(cells, answers, strict=True)
        if got.status_code != 403 and not _asks_the_catalog_first(name, got)
    ]
    assert not wrong, f"{len(wrong)} of {len(cells)}:\n" + "\n".join(wrong)


def _asks_the_catalog_first(name: str, got: httpx.Response) -> bool:
    """Whether a route looked for the version that it is about, and was told that there is none."""
    return name == "plan_publish" and got.status_code == 404


async def test_a_stranger_is_told_of_everything_of_others_that_it_is_not_there(door: Door) -> None:
    stranger, other = await door.bearers.token("zstranger"), await door.bearers.token("zstrangertoo")
    names = [name for name in ROUTES if name not in OPEN | STREAMS]

    async def all_asked(token: str, about: dict[str, str]) -> list[httpx.Response]:
        # One after the other: in his own tenant a stranger makes and drops what is called so.
        return [await door.ask(name, token, about) for name in names]

    real, never = await asyncio.gather(all_asked(stranger, door.real), all_asked(other, door.never))
    wrong = []
    for name, got, twin in zip(names, real, never, strict=True):
        compared = name in BATCHES or not got.is_success
        if got.status_code != twin.status_code or got.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            wrong.append(f"{name}: {got.status_code} {got.text[:250]}\n   not {twin.status_code} {twin.text[:250]}")
        elif compared and (there := told(got, door.real)) != (not_there := told(twin, door.never)):
            wrong.append(f"{name}: {there}\n   not {not_there}")
    assert not wrong, f"{len(wrong)} of {len(names)}:\n" + "\n".join(wrong)
    found = [name for name, got in zip(names, real, strict=True) if got.status_code not in (403, 404)]
    assert not {name for name in found if "{image}" in OPERATIONS[name][1]} - BATCHES


def told(answer: httpx.Response, names: dict[str, str]) -> str:
    """An answer without the names that were in the question, and without what is another one each time."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    return without(f"{answer.text} {headers}".replace("zstrangertoo", "zstranger"), names)


def _but_for_its_source(text: str) -> str:
    """An answer without where a version came from: a member sees its provenance (features.md E13)."""
    return re.sub('"source":{"pod":"[^"]*"', "", text)


async def test_a_member_reads_what_is_shared_with_it(door: Door) -> None:
    thing = door.land.things["shared"]
    names = door.real | {"image": thing.image, "share": thing.image}
    reader = await door.bearers.token("zaccepted", "reader")
    answers = await each(door.ask(name, reader, names) for name in READ_ON_SHARED)
    wrong = [
        f"{name}: {got.status_code} {got.text[:200]}"
        for name, got in zip(READ_ON_SHARED, answers, strict=True)
        if not got.is_success or POD in _but_for_its_source(got.text) or thing.job in got.text
    ]
    assert not wrong, "\n".join(wrong)
    owner = await door.bearers.token(OWNER)
    assert POD in (await door.ask("list_copies", owner, names)).text, "there is a copy that the member is not to see"
