"""What each route asks of the services and answers, over a real server."""

import msgspec
import pytest

from api import views
from api.house import House
from contracts import requests as contract
from contracts.limits import Limits, Window
from contracts.manifest import Source
from contracts.requests import Actor, command_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = Actor(tenant="default", name="admin", roles=("operator",))
BASE = "/v1/images/default/debian"


def plain(view: msgspec.Struct) -> dict[str, object]:
    """A view as JSON without its internal tag."""
    found = msgspec.json.decode(msgspec.json.encode(view))
    found.pop("type")
    return found


READS = [
    ("/v1/images", contract.ListImages(actor=ADMIN), [views.image]),
    (
        "/v1/images?gallery=default&state=AVAILABLE&limit=7&cursor=abc",
        contract.ListImages(actor=ADMIN, gallery="default", state="AVAILABLE", limit=7, cursor="abc"),
        [views.image],
    ),
    (BASE, contract.GetImage(actor=ADMIN, image="default/debian"), views.image),
    ("/v1/images/default%2Fdebian", contract.GetImage(actor=ADMIN, image="default/debian"), views.image),
    (f"/v1/images/{views.IMAGE}", contract.GetImage(actor=ADMIN, image=views.IMAGE), views.image),
    (
        f"{BASE}/versions?state=FAILED",
        contract.ListVersions(actor=ADMIN, image="default/debian", state="FAILED"),
        [views.version],
    ),
    (
        f"{BASE}/versions/1.0",
        contract.GetVersion(actor=ADMIN, image="default/debian", number="1.0"),
        views.version,
    ),
    (
        f"/v1/images/{views.IMAGE}/versions/latest?pod=pod-1",
        contract.GetVersion(actor=ADMIN, image=views.IMAGE, number="latest", pod="pod-1"),
        views.version,
    ),
    (
        f"{BASE}/versions/1.0.0/copies?limit=3",
        contract.ListCopies(actor=ADMIN, version=views.VERSION, limit=3),
        [views.copy],
    ),
    ("/v1/pods?cursor=x", contract.ListPods(actor=ADMIN, cursor="x"), [views.pod]),
    ("/v1/pods/pod-1", contract.GetPod(actor=ADMIN, pod="pod-1"), views.pod),
    ("/v1/pods/pod-1/vms", contract.GetPodVms(actor=ADMIN, pod="pod-1", limit=500), [views.vm]),
    (
        "/v1/pods/pod-1/library?limit=2&cursor=x",
        contract.GetPodLibrary(actor=ADMIN, pod="pod-1", limit=2, cursor="x"),
        [views.item],
    ),
    (
        "/v1/jobs?state=PROCESSING&kind=publish",
        contract.ListJobs(actor=ADMIN, state="PROCESSING", kind="publish"),
        [views.job],
    ),
    (f"/v1/jobs/{views.JOB}", contract.GetJob(actor=ADMIN, job=views.JOB), views.job),
    (f"/v1/jobs/{views.JOB}/events", contract.GetTimeline(actor=ADMIN, job=views.JOB), [views.entry]),
]


@pytest.mark.parametrize(("url", "asked", "answer"), READS, ids=[url for url, _, _ in READS])
async def test_a_read_asks_its_service_and_answers_the_view_without_the_internal_tag(
    house: House,
    url: str,
    asked: contract.Request,
    answer: msgspec.Struct | list[msgspec.Struct],
) -> None:
    response = await house.http.get(url)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert house.services.last == asked
    body = response.json()
    if isinstance(answer, list):
        assert body["items"] == [plain(view) for view in answer]
        assert "next" in body
    else:
        assert body == plain(answer)


async def test_a_list_says_where_its_next_page_begins_and_an_inventory_says_of_when_it_is(
    house: House,
) -> None:
    assert (await house.http.get("/v1/images")).json()["next"] == "more"
    assert (await house.http.get("/v1/pods/pod-1/vms")).json()["at"] == "2026-03-01T12:00:00Z"


async def test_an_image_is_registered_with_its_location(house: House) -> None:
    response = await house.http.post("/v1/images", json={"name": "fedora", "os_state": "specialized"})
    assert (response.status_code, response.headers["location"]) == (201, f"/v1/images/{views.IMAGE}")
    assert response.json()["name"] == "fedora"
    assert (house.services.last.name, house.services.last.gallery, house.services.last.os_state) == (
        "fedora",
        "default",
        "specialized",
    )


async def test_an_import_is_accepted_with_a_job(house: House) -> None:
    body = {
        "source": {"pod": "pod-1", "kind": "file", "name": "disk.qcow2"},
        "create": True,
        "os_type": "windows",
        "mode": "clone",
        "file_type": "qcow2",
        "number": "2.0",
        "datastore": "ds",
    }
    response = await house.http.post(f"{BASE}/versions", json=body, headers={"idempotency-key": "k-1"})
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/jobs/{views.JOB}")
    assert response.json() == {
        "job": views.JOB,
        "image": views.IMAGE,
        "version": views.VERSION,
        "number": "1.0.0",
    }
    assert house.services.last == contract.ImportVersion(
        actor=ADMIN,
        id=command_id(ADMIN, "k-1"),
        image="default/debian",
        create=True,
        os_type="windows",
        source=Source(pod="pod-1", kind="file", name="disk.qcow2"),
        file_type="qcow2",
        number="2.0",
        datastore="ds",
    )


async def test_the_same_key_is_the_same_command_and_no_key_is_one_of_its_own(house: House) -> None:
    for key in ("a", "a", "b", None, None):
        headers = {} if key is None else {"idempotency-key": key}
        assert (await house.http.post("/v1/images", json={"name": "x"}, headers=headers)).status_code == 201
    first, second, other, *random = [command.id for command in house.services.asked]
    assert first == second
    assert len({first, other, *random}) == 4


async def test_limits_are_set_and_answered_with_their_revision(house: House) -> None:
    body = {
        "receive": 50_000_000,
        "links": {"pod-2": 1_000_000},
        "copies": 3,
        "windows": [{"begin": "22:00", "end": "06:00", "days": [0, 4]}],
        "timezone": "Europe/Berlin",
        "scrub_days": 7,
    }
    url, headers = "/v1/pods/pod-1/limits", {"idempotency-key": "k-2", "if-match": '"4"'}
    response = await house.http.put(url, json=body, headers=headers)
    assert (response.status_code, response.headers["etag"]) == (200, '"5"')
    limits = Limits(
        receive=50_000_000,
        links={"pod-2": 1_000_000},
        copies=3,
        windows=(Window(begin="22:00", end="06:00", days=(0, 4)),),
        timezone="Europe/Berlin",
        scrub_days=7,
    )
    assert house.services.last == contract.SetPodLimits(
        actor=ADMIN, id=command_id(ADMIN, "k-2"), pod="pod-1", limits=limits, revision=4
    )
    assert response.json() == plain(msgspec.structs.replace(views.pod, limits=limits, limits_revision=5))
    assert (await house.http.put(url, json={})).status_code == 200
    assert (house.services.last.limits, house.services.last.revision) == (Limits(), None)


async def test_health_tells_alive_from_ready(house: House) -> None:
    assert (await house.http.get("/health/live")).json() == {"live": True}
    response = await house.http.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["ready"] is True
    assert [service["service"] for service in response.json()["services"]] == [
        "catalog", "replicator", "sharing", "notifier"
    ]  # fmt: skip


async def test_one_service_that_is_stuck_makes_the_hub_not_ready_and_says_why(house: House) -> None:
    house.services.well["replicator"] = contract.HealthView(
        service="replicator", ready=False, reasons=("the relay is stuck",), at=views.AT
    )
    response = await house.http.get("/health/ready")
    assert response.status_code == 503
    body = response.json()
    assert (body["ready"], body["events"]) == (False, True)
    assert [service["reasons"] for service in body["services"]] == [[], ["the relay is stuck"], [], []]
