"""Filters of lists: the door describes those that the catalog has."""

import json

import pytest

from api import views
from api.house import House
from catalog.queries import assignments, audit, galleries, images, jobs, markers, versions
from contracts import requests as contract
from gateway.narrowing import FIELDS, FORMS, filters, parameters
from gateway.openapi import document
from gateway.routes import HANDLERS
from gateway.routes.assignments import OWN as ASSIGNMENTS
from gateway.routes.assignments import SEATS_OWN as SEATS
from gateway.routes.audit import OWN as AUDIT
from gateway.routes.galleries import OWN as GALLERIES
from gateway.routes.images import OWN as IMAGES
from gateway.routes.insight import LINEAGE_OWN as LINEAGE
from gateway.routes.insight import USERS_OWN as USERS
from gateway.routes.jobs import OWN as JOBS
from gateway.routes.markers import OWN as MARKERS
from gateway.routes.versions import OWN as VERSIONS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = [
    ("list_images", images.FIELDS, IMAGES),
    ("list_versions", versions.FIELDS, VERSIONS),
    ("list_jobs", jobs.FIELDS, JOBS),
    ("list_assignments", assignments.FIELDS, ASSIGNMENTS),
    ("list_seats", assignments.SEATS, SEATS),
    ("list_galleries", galleries.FIELDS, GALLERIES),
    ("list_markers", markers.FIELDS, MARKERS),
    ("list_users", markers.USERS, USERS),
    ("get_lineage", markers.LINEAGE, LINEAGE),
    ("list_audit", audit.FIELDS, AUDIT),
]


@pytest.mark.parametrize(("operation", "fields", "own"), LISTS, ids=[name for name, *_ in LISTS])
async def test_a14_every_field_that_the_catalog_filters_by_is_a_parameter_of_its_kind(
    operation: str, fields: dict[str, object], own: frozenset[str]
) -> None:
    known = {name: getattr(field, "kind") for name, field in fields.items() if name not in own}  # noqa: B009
    assert FIELDS[operation] == known
    assert not set(filters(operation)) & own


async def test_every_filter_is_described() -> None:
    paths = json.loads(document())["paths"]
    operations = {operation["operationId"]: operation for path in paths.values() for operation in path.values()}
    for operation in FIELDS:
        described = {parameter["name"] for parameter in operations[operation]["parameters"]}
        assert set(filters(operation)) <= described


async def test_each_kind_of_field_has_its_filters() -> None:
    found = filters("list_images")
    assert (found["os_type"], found["usable"]) == ("text", "flag")
    assert {"min_versions", "max_versions", "versions", "created_after", "created_before"} <= set(found)
    assert "created" not in found
    assert set(found.values()) == set(FORMS)


async def test_a_filter_may_ask_for_what_has_no_value_and_for_a_free_property(house: House) -> None:
    response = await house.http.get("/v1/images?flavour=&properties.acme.tier-x=a%20b&usable=true")
    assert response.status_code == 200
    assert house.services.last.where == {"flavour": "", "properties.acme.tier-x": "a b", "usable": "true"}


async def test_a_filter_that_the_door_does_not_know_is_for_the_catalog_to_judge(house: House) -> None:
    await house.http.get(f"/v1/images/{views.IMAGE}/versions?colour=blue")
    assert isinstance(house.services.last, contract.ListVersions)
    assert house.services.last.where == {"colour": "blue"}


DESKS = "/v1/assignments/desks"
ONE = f"/v1/images/{views.IMAGE}"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (
            "/v1/assignments?min_seats=10&marker=prod&state=IN_SYNC&sort=-updated",
            {"where": {"min_seats": "10", "marker": "prod"}, "state": "IN_SYNC", "sort": "-updated"},
        ),
        (f"{DESKS}/seats?user=&pod=pod-1&sort=last_used", {"where": {"user": ""}, "pod": "pod-1", "sort": "last_used"}),
        (
            "/v1/galleries?soft_delete=true&max_bytes=5&sort=-bytes",
            {"where": {"soft_delete": "true", "max_bytes": "5"}, "sort": "-bytes"},
        ),
        (
            "/v1/audit?action=edit_image&at_after=2026-01-01T00:00:00Z&actor=ann&sort=-sequence",
            {
                "where": {"action": "edit_image", "at_after": "2026-01-01T00:00:00Z"},
                "actor_name": "ann",
                "sort": "-sequence",
            },
        ),
        (
            f"{ONE}/markers?frozen=false&min_assignments=1&sort=-number",
            {"where": {"frozen": "false", "min_assignments": "1"}, "sort": "-number"},
        ),
        (
            f"{ONE}/versions/1.0.0/users?pod=pod-1&wanted=true&sort=-last_used",
            {"where": {"pod": "pod-1", "wanted": "true"}, "sort": "-last_used"},
        ),
        (
            f"{ONE}/versions/1.0.0/lineage?state=AVAILABLE&max_depth=2&sort=-depth",
            {"where": {"state": "AVAILABLE", "max_depth": "2"}, "sort": "-depth"},
        ),
        (f"{ONE}/markers", {"where": {}, "sort": "name"}),
        (f"{ONE}/versions/1.0.0/users", {"where": {}, "sort": ""}),
        (f"{ONE}/versions/1.0.0/lineage", {"where": {}, "sort": ""}),
        ("/v1/assignments", {"where": {}, "sort": "name"}),
        (f"{DESKS}/seats", {"where": {}, "sort": "pod"}),
        ("/v1/galleries", {"where": {}, "sort": "name"}),
        ("/v1/audit", {"where": {}, "sort": "sequence"}),
        ("/v1/audit?colour=blue", {"where": {"colour": "blue"}}),
    ],
)
async def test_a14_a_list_asks_for_what_is_filtered_and_sorted_by(
    house: House, url: str, asked: dict[str, object]
) -> None:
    response = await house.http.get(url)
    assert response.status_code == 200, response.text
    assert {name: getattr(house.services.last, name) for name in asked} == asked


@pytest.mark.parametrize(
    "url",
    [
        "/v1/assignments?min_seats=many", f"{DESKS}/seats?last_used_after=yesterday", "/v1/galleries?soft_delete=1",
        "/v1/audit?at_before=2026", "/v1/audit?sort=--sequence", "/v1/galleries?name=a&name=b",
    ],
)  # fmt: skip
async def test_a_value_that_a_field_cannot_have_is_refused_before_anybody_is_asked(house: House, url: str) -> None:
    before = len(house.services.asked)
    response = await house.http.get(url)
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert len(house.services.asked) == before


PLAIN = [
    "/v1/pods", "/v1/retentions", "/v1/flavours", "/v1/namespaces", "/v1/certificates", "/v1/policies", "/v1/webhooks",
    f"/v1/jobs/{views.JOB}/events",
]  # fmt: skip


@pytest.mark.parametrize("url", PLAIN)
async def test_a_list_without_filters_refuses_parameters_that_it_has_not_and_names_those_it_has(
    house: House, url: str
) -> None:
    before = len(house.services.asked)
    response = await house.http.get(f"{url}?colour=blue")
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert "colour" in response.json()["data"]
    assert len(house.services.asked) == before
    assert (await house.http.get(url)).status_code == 200


async def test_every_parameter_that_is_described_is_one_that_a_list_takes() -> None:
    paths = json.loads(document())["paths"]
    operations = {operation["operationId"]: operation for path in paths.values() for operation in path.values()}
    checked = 0
    for handler in HANDLERS:
        operation = str(handler.operation_id)
        if operation.startswith("list_") and operation not in FIELDS:
            found = {one["name"] for one in operations[operation].get("parameters", ()) if one["in"] == "query"}
            assert parameters(handler.fn) == found, operation
            checked += 1
    assert checked > 8
