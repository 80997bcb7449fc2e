"""The live stream over a real server: order, resumption, filters, progress, and what is asked of the services."""

import asyncio

import httpx
import msgspec
import pytest

from api import views
from api.backend import Backend
from api.listening import Message, Speaker, ids, listen
from contracts import requests as contract
from contracts.events import hub
from gateway.server import Gateway
from harness.wait import until

OTHER_JOB = "f" * 32
OTHER_VERSION = "e" * 32


async def test_an_event_comes_as_it_is_said_with_its_place_type_and_body(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http) as listener:
        sequence = await say.started()
        [message] = await listener.take(1)
    assert message == Message(
        "copy.started.v1",
        str(sequence),
        {
            "id": f"{1:032x}",
            "type": "copy.started.v1",
            "time": "2026-03-01T12:00:00.000000Z",
            "job": views.JOB,
            "body": {
                "type": "copy.started.v1",
                "copy": f"{views.VERSION}_pod-1_0",
                "version": views.VERSION,
                "image": "",
                "pod": "pod-1",
                "attempt": 1,
                "revision": 1,
            },
        },
    )


async def test_a_client_hears_nothing_of_the_past_unless_it_asks(
    door: Gateway, http: httpx.AsyncClient, say: Speaker
) -> None:
    await say.started()
    await until(lambda: door.door.hub.position == 1)
    async with listen(http) as listener:
        assert listener.last_id == "1"
        sequence = await say.started()
        assert ids(await listener.take(1)) == [sequence]


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_client_that_comes_back_gets_what_it_missed_and_goes_on(
    http: httpx.AsyncClient, say: Speaker, how: str
) -> None:
    for _ in range(5):
        await say.started()
    query, last_id = ("", "2") if how == "header" else ("?after=2", None)
    async with listen(http, query, last_id=last_id) as listener:
        assert ids(await listener.take(3)) == [3, 4, 5]
        await say.started()
        assert ids(await listener.take(1)) == [6]


async def test_the_header_wins_over_the_query_because_a_browser_repeats_its_url(
    http: httpx.AsyncClient, say: Speaker
) -> None:
    for _ in range(3):
        await say.started()
    async with listen(http, "?after=0", last_id="2") as listener:
        assert ids(await listener.take(1)) == [3]


async def test_clients_that_join_while_much_is_said_miss_nothing_and_get_nothing_twice(
    http: httpx.AsyncClient, say: Speaker
) -> None:
    total = 600

    async def talk() -> None:
        for _ in range(total - 200):
            await say.started()

    async def hear(after: int) -> list[int]:
        async with listen(http, f"?after={after}") as listener:
            return ids(await listener.take(total - after))

    for _ in range(200):
        await say.started()
    talking = asyncio.create_task(talk())
    async with asyncio.timeout(60):
        heard = await asyncio.gather(*(hear(after) for after in (0, 50, 150, 199, 200)))
    await talking
    for after, found in zip((0, 50, 150, 199, 200), heard, strict=True):
        assert found == list(range(after + 1, total + 1))


async def test_a_client_from_a_later_time_is_told_that_the_stream_began_anew(
    http: httpx.AsyncClient, say: Speaker
) -> None:
    await say.started()
    async with listen(http, last_id="900") as listener:
        gap, first = await listener.take(2)
    assert (gap.event, gap.data) == ("gap", {"after": 900, "before": 0})
    assert first.id == "1"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["copy.started.v1", "pod.connected.v1", "version.available.v1", "copy.started.v1"]),
        ("?type=copy.*", ["copy.started.v1", "copy.started.v1"]),
        ("?type=copy", ["copy.started.v1", "copy.started.v1"]),
        ("?type=pod.connected&type=version.*", ["pod.connected.v1", "version.available.v1"]),
        ("?type=pod.connected,version.available.v1", ["pod.connected.v1", "version.available.v1"]),
        (f"?version={views.VERSION}", ["copy.started.v1", "version.available.v1"]),
        ("?pod=pod-1", ["copy.started.v1", "pod.connected.v1"]),
        (f"?job={views.JOB}", ["copy.started.v1", "version.available.v1"]),
        (f"?image={views.IMAGE}", ["copy.started.v1", "version.available.v1"]),
        ("?image=default/debian&type=version", ["version.available.v1"]),
    ],
)
async def test_a_client_hears_only_what_it_asked_for(
    http: httpx.AsyncClient, say: Speaker, query: str, expected: list[str]
) -> None:
    async with listen(http, query) as listener:
        await say.started("pod-1")
        await say.say(hub.PodConnected(pod="pod-1", revision=2), saga="")
        await say.say(
            hub.VersionAvailable(
                version=views.VERSION, image=views.IMAGE, number="1.0.0", tenant="default", available=1, skipped=0,
                revision=3,
            )
        )  # fmt: skip
        await say.started("pod-2", saga=OTHER_JOB, version=OTHER_VERSION)
        assert [message.event for message in await listener.take(len(expected))] == expected


async def test_a_version_that_an_image_gets_later_belongs_to_its_filter(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http, f"?image={views.IMAGE}") as listener:
        await say.started("pod-3", version=OTHER_VERSION)
        await say.say(
            hub.VersionStarted(version=OTHER_VERSION, image=views.IMAGE, number="1.1.0", revision=1), saga=OTHER_JOB
        )
        await say.started("pod-4", version=OTHER_VERSION)
        found = await listener.take(2)
    assert [message.event for message in found] == ["version.started.v1", "copy.started.v1"]
    assert found[1].data["body"]["pod"] == "pod-4"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"?image={'9' * 32}", "image_not_found"),
        (f"?job={'9' * 32}", "job_not_found"),
        ("?type=%2A%2A", "validation_failed"),
        ("?type=copy.*.x", "validation_failed"),
        ("?after=-1", "validation_failed"),
        ("?after=9007199254740992", "validation_failed"),
        ("?version=../..", "validation_failed"),
        ("?pod=POD", "validation_failed"),
    ],
)
async def test_a_filter_that_can_never_match_is_refused(http: httpx.AsyncClient, query: str, code: str) -> None:
    response = await http.get(f"/v1/events{query}")
    assert (response.headers["content-type"], response.json()["code"]) == ("application/problem+json", code)


async def test_progress_comes_live_without_an_id_and_shows_in_the_copies(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http, f"?version={views.VERSION}&type=progress") as listener:
        await say.progress("pod-2", views.COPY, 400)
        [message] = await listener.take(1)
    assert message.event == "progress"
    assert message.id == "0", "progress must not move the place to resume from"
    assert (message.data["pod"], message.data["id"], message.data["bytes_done"]) == ("pod-2", views.COPY, 400)
    [copy] = (await http.get("/v1/images/default/debian/versions/1.0.0/copies")).json()["items"]
    assert (copy["bytes_done"], copy["rate"], copy["eta"], copy["state"]) == (400, 5.0, 2.0, "REPLICATING")


async def test_progress_of_a_job_is_that_of_its_version(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http, f"?job={views.JOB}") as listener:
        await say.progress("pod-2", f"{OTHER_VERSION}_pod-2_0", 1, OTHER_VERSION)
        await say.progress("pod-2", views.COPY, 2)
        [message] = await listener.take(1)
    assert message.data["id"] == views.COPY


async def test_a_pod_cannot_speak_for_the_copy_of_another(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http, "?type=progress") as listener:
        await say.progress("pod-1", views.COPY, 999)
        await say.progress("pod-2", views.COPY, 1)
        [message] = await listener.take(1)
    assert (message.data["pod"], message.data["bytes_done"]) == ("pod-2", 1)


async def test_what_is_no_event_is_passed_over(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http) as listener:
        for body in (b"", b"{", b"[]", b'{"type":"copy.started.v1\\ndata: forged"}', b"\xff", b'{"type":"x","pod":1}'):
            await say._js.publish("event.copy.started.x", body)
        sequence = await say.started()
        assert ids(await listener.take(1)) == [sequence]


async def test_a_body_with_line_breaks_stays_one_message(http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http) as listener:
        await say._js.publish("event.pod.connected.x", b'{\n"type":\r\n"pod.connected.v1",\n"pod":"a\\nb"}\n')
        [message] = await listener.take(1)
    assert message.data["body"] == {"type": "pod.connected.v1", "pod": "a\nb"}


async def test_the_versions_of_an_image_are_asked_for_page_by_page(
    http: httpx.AsyncClient, services: Backend, say: Speaker
) -> None:
    second = msgspec.structs.replace(views.version, id=OTHER_VERSION)
    pages = {
        None: contract.VersionPage(items=(views.version,), next="two"),
        "two": contract.VersionPage(items=(second,)),
    }
    services.answers[contract.ListVersions] = lambda request: pages[request.cursor]
    async with listen(http, "?image=default/debian") as listener:
        await say.started(version=OTHER_VERSION)
        [message] = await listener.take(1)
    assert message.data["body"]["version"] == OTHER_VERSION
