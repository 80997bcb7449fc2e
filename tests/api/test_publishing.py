"""Publishes, plans, placements and copies over HTTP: what is asked of the services, and what is answered."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from api import views
from api.house import House
from api.test_routes import ADMIN, BASE, plain
from contracts import requests as contract
from contracts.errors import Problem
from contracts.requests import command_id
from contracts.terms import Override, Requirements, Selector, Targets, Terms

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSION = f"{BASE}/versions/1.0.0"
TERMS = {
    "overrides": {"pod-3": {"replicas": 2}, "pod-4": {"exclude_from_latest": True}},
    "mode": "full",
    "all_or_nothing": True,
    "exclude_from_latest": False,
    "priority": "urgent",
    "not_before": "2026-03-01T22:00:00+01:00",
    "on_deadline": "refuse",
    "requires": {"families": ["kvm"], "disk_types": ["ssd"]},
}
SAID = Terms(
    overrides={"pod-3": Override(replicas=2), "pod-4": Override(exclude_from_latest=True)},
    all_or_nothing=True,
    priority="urgent",
    not_before=datetime(2026, 3, 1, 21, tzinfo=UTC),
    on_deadline="refuse",
    requires=Requirements(families=("kvm",), disk_types=("ssd",)),
)


@pytest.mark.parametrize(("verb", "again"), [("publish", False), ("republish", True)])
async def test_a_publish_is_accepted_with_a_job(house: House, verb: str, again: bool) -> None:
    body = {"targets": {"kind": "list", "pods": ["pod-1", "pod-2"]}, "replicas": 2, "deadline": 60, **TERMS}
    more = {"more": ["pod-7"]} if again else {}
    response = await house.http.post(f"{VERSION}/{verb}", json=body | more, headers={"idempotency-key": "k"})
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/jobs/{views.JOB}")
    assert house.services.last == contract.PublishVersion(
        actor=ADMIN,
        id=command_id(ADMIN, "k"),
        image="default/debian",
        number="1.0.0",
        again=again,
        targets=Targets(kind="list", pods=("pod-1", "pod-2")),
        more=("pod-7",) if again else (),
        replicas=2,
        deadline=60.0,
        terms=SAID,
    )


@pytest.mark.parametrize("verb", ["publish", "republish"])
@pytest.mark.parametrize("body", [None, {}, {"targets": None, "replicas": None, "priority": None}])
async def test_what_is_left_out_is_left_to_the_service(house: House, verb: str, body: Any) -> None:
    assert (await house.http.post(f"{VERSION}/{verb}", json=body)).status_code == 202
    asked = house.services.last
    assert (asked.targets, asked.replicas, asked.deadline, asked.terms, asked.more) == (None, None, None, None, ())


async def test_targets_are_selected_by_label(house: House) -> None:
    selector = {"labels": {"region": ["eu", "us"], "rack": ["r1"]}, "match": "any"}
    body = {"targets": {"kind": "selector", "selector": selector}}
    assert (await house.http.post(f"{BASE}/versions/latest/publish", json=body)).status_code == 202
    wanted = Selector(labels={"region": ("eu", "us"), "rack": ("r1",)}, match="any")
    assert house.services.last.targets == Targets(kind="selector", selector=wanted)


@pytest.mark.parametrize(
    ("verb", "command"), [("unpublish", contract.UnpublishVersion), ("cancel", contract.CancelPublish)]
)
async def test_what_was_published_is_taken_back_as_a_job(house: House, verb: str, command: Any) -> None:
    response = await house.http.post(f"{VERSION}/{verb}", headers={"idempotency-key": "k"})
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/jobs/{views.JOB}")
    assert house.services.last == command(
        actor=ADMIN, id=command_id(ADMIN, "k"), image="default/debian", number="1.0.0"
    )


async def test_a_plan_is_made_of_the_versions_content_and_changes_nothing(house: House) -> None:
    body = {"targets": {"kind": "list", "pods": ["pod-2"]}, "replicas": 2, "deadline": 60, **TERMS}
    response = await house.http.post(f"{VERSION}/plan?limit=7&cursor=abc", json=body)
    assert response.status_code == 200
    assert house.services.last == contract.PlanPlacement(
        actor=ADMIN,
        version=views.VERSION,
        image=views.IMAGE,
        manifest=views.MANIFEST,
        targets=Targets(kind="list", pods=("pod-2",)),
        replicas=2,
        deadline=60.0,
        terms=SAID,
        limit=7,
        cursor="abc",
    )
    assert response.json() == {
        "items": [{**msgspec.to_builtins(views.plan), "sources": ["pod-1"]}],
        "estimate": 12.5,
        "warning": "",
        "next": "more",
    }
    assert (await house.http.post(f"{VERSION}/plan")).status_code == 200
    asked = house.services.last
    assert (asked.targets, asked.replicas, asked.deadline, asked.terms) == (Targets(), 1, None, Terms())
    assert not any(isinstance(asked, contract.PublishVersion) for asked in house.services.asked)


async def test_there_is_no_plan_for_a_version_without_content(house: House) -> None:
    importing = msgspec.structs.replace(views.version, manifest=None)
    house.services.answers[contract.GetVersion] = lambda _: importing
    response = await house.http.post(f"{VERSION}/plan")
    assert (response.status_code, response.json()["code"]) == (409, "version_not_ready")
    assert not isinstance(house.services.last, contract.PlanPlacement)


async def test_a_placement_is_shown_with_its_revision_and_edited_only_if_it_still_holds(house: House) -> None:
    shown = await house.http.get(f"{VERSION}/placement")
    assert (shown.status_code, shown.headers["etag"]) == (200, '"7"')
    assert shown.json() == plain(views.placement)
    body = {"add": ["pod-5"], "remove": ["pod-2"], "replicas": 2, "priority": "low"}
    body |= {"overrides": {"pod-3": {"replicas": 3}, "pod-4": None}}
    headers = {"if-match": shown.headers["etag"], "idempotency-key": "k"}
    edited = await house.http.patch(f"{VERSION}/placement", json=body, headers=headers)
    assert (edited.status_code, edited.headers["etag"]) == (200, '"7"')
    assert house.services.last == contract.EditPlacement(
        actor=ADMIN,
        id=command_id(ADMIN, "k"),
        version=views.VERSION,
        add=("pod-5",),
        remove=("pod-2",),
        replicas=2,
        overrides={"pod-3": Override(replicas=3), "pod-4": None},
        priority="low",
        revision=7,
    )
    late = await house.http.patch(f"{VERSION}/placement", json=body, headers={"if-match": '"6"'})
    assert (late.status_code, late.json()["code"]) == (412, "revision_mismatch")


@pytest.mark.parametrize(("verb", "resume"), [("pause", False), ("resume", True)])
async def test_a_placement_is_paused_and_resumed(house: House, verb: str, resume: bool) -> None:
    response = await house.http.post(f"{VERSION}/placement/{verb}")
    assert (response.status_code, response.json()) == (200, plain(views.placement))
    assert (house.services.last.version, house.services.last.resume) == (views.VERSION, resume)


@pytest.mark.parametrize("replica", [0, 3])
async def test_one_copy_is_removed_or_repaired(house: House, replica: int) -> None:
    query = f"?replica={replica}" if replica else ""
    for method, path, command in (
        ("DELETE", "copies/pod-1", contract.RemoveCopy),
        ("POST", "copies/pod-1/repair", contract.RepairCopy),
    ):
        response = await house.http.request(
            method, f"{VERSION}/{path}{query}", headers={"idempotency-key": f"{path}{replica}"}
        )
        assert (response.status_code, response.json()["pod"]) == (200, "pod-2")
        id = command_id(ADMIN, f"{path}{replica}")
        assert house.services.last == command(actor=ADMIN, id=id, version=views.VERSION, pod="pod-1", replica=replica)


ITEMS = [
    {"image": "default/debian", "version": "1.0.0", "targets": {"kind": "list", "pods": ["pod-1"]}},
    {"image": "default/none", "version": "latest", "priority": "high"},
    {"image": views.IMAGE, "version": "1.0", "again": True, "more": ["pod-3"]},
]


async def test_a_batch_has_a_result_for_each_publish_in_its_order(house: House) -> None:
    def accept(request: Any) -> Any:
        if request.image == "default/none":
            return Problem(code="image_not_found", detail="There is no such image.", hint="List the images.")
        return contract.Accepted(job=views.JOB, image=views.IMAGE, version=views.VERSION, number="1.0.0")

    house.services.answers[contract.PublishVersion] = accept
    response = await house.http.post("/v1/publishes", json={"items": ITEMS}, headers={"idempotency-key": "k"})
    assert response.status_code == 200
    results = response.json()["items"]
    assert [(one["image"], one["version"], one["status"]) for one in results] == [
        ("default/debian", "1.0.0", 202), ("default/none", "latest", 404), (views.IMAGE, "1.0", 202)
    ]  # fmt: skip
    assert [one["accepted"] and one["accepted"]["job"] for one in results] == [views.JOB, None, views.JOB]
    assert [one["problem"] and one["problem"]["code"] for one in results] == [None, "image_not_found", None]
    asked = {request.image: request for request in house.services.asked}
    assert asked[views.IMAGE].again
    assert asked[views.IMAGE].more == ("pod-3",)
    assert asked["default/none"].terms == Terms(priority="high")
    assert asked["default/debian"].targets == Targets(kind="list", pods=("pod-1",))


async def test_each_place_in_a_batch_has_a_key_of_its_own_that_no_other_request_can_have(house: House) -> None:
    for _ in range(2):
        await house.http.post("/v1/publishes", json={"items": ITEMS}, headers={"idempotency-key": "k"})
    first, again = house.services.asked[:3], house.services.asked[3:]
    assert {request.id for request in first} == {request.id for request in again}
    assert len({request.id for request in first}) == 3
    await house.http.post("/v1/publishes", json={"items": ITEMS})
    assert len({request.id for request in house.services.asked}) == 6


async def test_a_service_that_is_silent_is_a_result_of_each_publish_and_no_failure_of_the_batch(house: House) -> None:
    house.services.answers[contract.PublishVersion] = lambda _: Problem(code="timeout", detail="No answer.")
    response = await house.http.post("/v1/publishes", json={"items": ITEMS})
    assert response.status_code == 200
    assert [one["problem"]["code"] for one in response.json()["items"]] == ["timeout"] * 3
