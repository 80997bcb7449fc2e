"""Pods, policies, webhooks and jobs over HTTP: what is asked of the services, and what is answered."""

from typing import Any

import msgspec
import pytest

from api import views
from api.house import House
from api.test_routes import ADMIN, plain
from contracts import requests as contract
from contracts.requests import command_id
from contracts.terms import Policy, Selector

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = {"idempotency-key": "k"}
COMMAND = {"actor": ADMIN, "id": command_id(ADMIN, "k")}
HOOK = f"/v1/webhooks/{views.HOOK}"


async def test_a_pod_is_enrolled_and_its_token_shown(house: House) -> None:
    body = {"pod": "pod-9", "labels": {"region": "eu"}, "hours": 2}
    response = await house.http.post("/v1/pods", json=body, headers=KEY)
    assert (response.status_code, response.headers["location"]) == (201, "/v1/pods/pod-9")
    assert response.json() == plain(views.enrolment)
    assert house.services.last == contract.EnrollPod(**COMMAND, pod="pod-9", labels={"region": "eu"}, hours=2.0)


async def test_labels_are_set_under_their_revision(house: House) -> None:
    headers = KEY | {"if-match": '"3"'}
    response = await house.http.put("/v1/pods/pod-1/labels", json={"labels": {"rack": "r1"}}, headers=headers)
    assert (response.status_code, response.headers["etag"]) == (200, '"0"')
    assert house.services.last == contract.SetPodLabels(**COMMAND, pod="pod-1", labels={"rack": "r1"}, revision=3)


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("drain", None, {"verb": "drain"}),
        ("readmit", None, {"verb": "readmit"}),
        ("remove", None, {"verb": "remove"}),
        ("remove", {"force": True}, {"verb": "remove", "force": True}),
    ],
)
async def test_a_pods_state_is_changed(house: House, path: str, body: Any, fields: dict[str, Any]) -> None:
    response = await house.http.post(f"/v1/pods/pod-1/{path}", json=body, headers=KEY)
    assert (response.status_code, response.json()["name"]) == (200, "pod-1")
    assert house.services.last == contract.SetPodState(**COMMAND, pod="pod-1", **fields)


POLICY = {"selector": {"labels": {"site": ["north"]}}, "kind": "HARD", "versions": 2, "images": [views.IMAGE]}
SAID = Policy(selector=Selector(labels={"site": ("north",)}), kind="HARD", versions=2, images=(views.IMAGE,))


@pytest.mark.parametrize(
    ("method", "url", "body", "asked"),
    [
        ("POST", "/v1/pods/pod-1/inventory", None, contract.RequestInventory(**COMMAND, pod="pod-1")),
        ("DELETE", "/v1/policies/edge", None, contract.DropPolicy(**COMMAND, name="edge")),
        ("DELETE", HOOK, None, contract.DropHook(**COMMAND, hook=views.HOOK)),
        ("POST", f"{HOOK}/redeliver", None, contract.Redeliver(**COMMAND, hook=views.HOOK)),
        (
            "POST",
            f"{HOOK}/redeliver",
            {"delivery": "d-1"},
            contract.Redeliver(**COMMAND, hook=views.HOOK, delivery="d-1"),
        ),
    ],
)
async def test_what_has_nothing_to_say_is_answered_without_a_body(
    house: House, method: str, url: str, body: Any, asked: contract.Request
) -> None:
    response = await house.http.request(method, url, json=body, headers=KEY)
    assert (response.status_code, response.content) == (204, b"")
    assert house.services.last == asked


async def test_a_policy_is_set_shown_and_suspended(house: House) -> None:
    headers = KEY | {"if-match": '"0"'}
    response = await house.http.put("/v1/policies/edge", json=POLICY, headers=headers)
    assert (response.status_code, response.headers["etag"]) == (200, '"3"')
    assert house.services.last == contract.SetPolicy(**COMMAND, name="edge", policy=SAID, revision=0)
    assert (await house.http.get("/v1/policies")).json()["items"] == [plain(views.policy)]
    assert (await house.http.get("/v1/policies/edge")).json() == plain(views.policy)
    for verb, resume in (("suspend", False), ("resume", True)):
        assert (await house.http.post(f"/v1/policies/edge/{verb}", headers=KEY)).headers["etag"] == '"3"'
        assert house.services.last == contract.SuspendPolicy(**COMMAND, name="edge", resume=resume)


async def test_a_webhook_is_made_and_only_that_answer_shows_its_secret(house: House) -> None:
    body = {"url": "http://hooks.test/x", "events": ["copy.*", "version.failed"], "pods": ["pod-1"], "secret": "s" * 32}
    response = await house.http.post("/v1/webhooks", json=body, headers=KEY)
    assert (response.status_code, response.headers["location"]) == (201, HOOK)
    assert response.json()["secret"] == "s" * 32
    assert house.services.last == contract.CreateHook(
        **COMMAND, url=body["url"], events=("copy.*", "version.failed"), pods=("pod-1",), secret="s" * 32
    )
    shown = await house.http.get(HOOK)
    assert (shown.json(), shown.headers["etag"]) == (plain(views.hook), '"2"')
    assert (await house.http.get("/v1/webhooks")).json()["items"][0]["secret"] is None


async def test_a_webhook_is_changed_under_its_revision(house: House) -> None:
    body = {"suspended": True, "images": [views.IMAGE]}
    response = await house.http.patch(HOOK, json=body, headers=KEY | {"if-match": '"2"'})
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert house.services.last == contract.UpdateHook(
        **COMMAND, hook=views.HOOK, suspended=True, images=(views.IMAGE,), revision=2
    )
    late = await house.http.patch(HOOK, json=body, headers={"if-match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "revision_mismatch")


async def test_deliveries_are_listed_and_a_test_is_one(house: House) -> None:
    response = await house.http.get(f"{HOOK}/deliveries?state=DEAD&limit=3&cursor=x")
    assert response.json()["items"] == [plain(views.delivery)]
    assert house.services.last == contract.ListDeliveries(
        actor=ADMIN, hook=views.HOOK, state="DEAD", limit=3, cursor="x"
    )
    response = await house.http.post(f"{HOOK}/test", headers=KEY)
    assert (response.status_code, response.json()) == (200, plain(views.delivery))
    assert house.services.last == contract.TestHook(**COMMAND, hook=views.HOOK)


async def test_a_job_is_cancelled_and_goes_on_to_its_end(house: House) -> None:
    response = await house.http.post(f"/v1/jobs/{views.JOB}/cancel", headers=KEY)
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/jobs/{views.JOB}")
    assert response.json() == plain(views.job)
    assert house.services.last == contract.CancelJob(**COMMAND, job=views.JOB)


async def test_an_inventory_item_tells_how_it_stands(house: House) -> None:
    surplus = msgspec.structs.replace(views.item, standing="surplus", state="CORRUPT")
    house.services.answers[contract.GetPodLibrary] = lambda _: contract.ItemPage(items=(surplus,), at=views.AT)
    assert (await house.http.get("/v1/pods/pod-1/library")).json()["items"] == [plain(surplus)]
