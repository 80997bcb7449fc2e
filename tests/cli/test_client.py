"""What the Python client does with requests."""

import pytest

from cli.responder import AT, Answer, Gateway, accepted, image, page, problem
from imprint.client import TRIES, Client
from imprint.exits import ImprintError, UnreachableError

VERSIONS = "/v1/images/default%2Fgolden/versions"


async def test_a_write_that_got_no_answer_is_repeated_under_the_same_key(gateway: Gateway) -> None:
    gateway.on("POST", VERSIONS, Answer(), Answer(), accepted())
    async with Client(gateway.url) as client:
        await client.import_version("default/golden", pod="pod-1", name="golden")
        await client.import_version("default/golden", pod="pod-1", name="golden")
    keys = [asked.headers["idempotency-key"] for asked in gateway.asked]
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[2]


async def test_a_refusal_is_not_repeated(gateway: Gateway) -> None:
    gateway.on("POST", VERSIONS, problem(503, "unavailable"))
    async with Client(gateway.url) as client:
        with pytest.raises(ImprintError) as caught:
            await client.import_version("default/golden", pod="pod-1", name="golden")
    assert caught.value.problem.code == "unavailable"
    assert len(gateway.asked) == 1


async def test_no_answer_at_all_is_given_up_after_some_tries(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/images/a", Answer())
    async with Client(gateway.url) as client:
        with pytest.raises(UnreachableError):
            await client.image("a")
    assert len(gateway.asked) == TRIES


async def test_a_list_is_read_to_its_last_page(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/images", page(image(name="a"), next="two"), page(image(name="b"), next="three"), page())
    async with Client(gateway.url) as client:
        names = [found.name for found in await client.images(gallery="default")]
    assert names == ["a", "b"]
    assert [asked.query for asked in gateway.asked] == [
        {"gallery": "default"},
        {"gallery": "default", "cursor": "two"},
        {"gallery": "default", "cursor": "three"},
    ]


@pytest.mark.parametrize("name", ["../../admin", "a?b=c", "a#b", "a/../b", "%2e%2e/x", "ä/ö"])
async def test_a_name_never_leaves_its_place_in_the_path(gateway: Gateway, name: str) -> None:
    async with Client(gateway.url) as client:
        with pytest.raises(ImprintError):
            await client.image(name)
    path = gateway.asked[0].path
    assert path.startswith("/v1/images/")
    assert "/" not in path.removeprefix("/v1/images/")
    assert gateway.asked[0].query == {}


async def test_an_inventory_of_many_pages_is_one(gateway: Gateway) -> None:
    first, last = (
        {"version": f"v{number}", "datastore": "default", "digest": "3" * 64, "size": 1} for number in range(2)
    )
    gateway.on("GET", "/v1/pods/pod-1/library", page(first, next="two", at=AT), page(last, at=AT))
    async with Client(gateway.url) as client:
        found = await client.pod_library("pod-1")
    assert [item.version for item in found.items] == ["v0", "v1"]
    assert (found.next, found.at is None) == (None, False)
