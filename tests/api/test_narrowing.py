"""Filters of lists: the door describes those that the catalog has."""

import json

import pytest

from api import views
from api.house import House
from catalog.queries import images, jobs, versions
from contracts import requests as contract
from gateway.narrowing import FIELDS, FORMS, filters
from gateway.openapi import document
from gateway.routes.images import OWN as IMAGES
from gateway.routes.jobs import OWN as JOBS
from gateway.routes.versions import OWN as VERSIONS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = [
    ("list_images", images.FIELDS, IMAGES),
    ("list_versions", versions.FIELDS, VERSIONS),
    ("list_jobs", jobs.FIELDS, JOBS),
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
