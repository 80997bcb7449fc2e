"""Every error leaves as problem+json with a stable code, and changes nothing."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api import views
from api.backend import backend
from api.house import House, client_of
from contracts import requests as contract
from contracts.errors import CODES, Problem
from gateway.server import gateway
from gateway.settings import GatewaySettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = "/v1/images/default/debian"
JSON = {"content-type": "application/json"}
LONG = "x" * 10_000
GOOD_SOURCE = {"pod": "pod-1", "name": "golden-vm"}


def check(response: httpx.Response, code: str) -> dict[str, Any]:
    """The problem of a response, checked for its form."""
    body = response.json()
    assert body["code"] == code, body
    status, title = CODES[code]
    assert response.status_code == status == body["status"]
    assert response.headers["content-type"] == "application/problem+json"
    assert (body["type"], body["title"]) == (f"urn:imprint:problem:{code}", title)
    assert body["detail"]
    assert set(body) == {"type", "title", "status", "detail", "code", "hint", "data"}
    return body


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    # no such route or method
    ("GET", "/", {}, "not_found"),
    ("GET", "/v1", {}, "not_found"),
    ("GET", "/v1/images/a/b/c/d/e/f", {}, "not_found"),
    ("DELETE", "/v1/pods", {}, "method_not_allowed"),
    ("POST", f"/v1/jobs/{views.JOB}", {}, "method_not_allowed"),
    ("PUT", BASE, {"json": {}}, "method_not_allowed"),
    # bodies
    ("POST", "/v1/images", {}, "bad_request"),
    ("POST", "/v1/images", {"content": b"{", "headers": JSON}, "bad_request"),
    ("POST", "/v1/images", {"content": b'{"name": "x"} {}', "headers": JSON}, "bad_request"),
    ("POST", "/v1/images", {"content": b'{"name": "\xff"}', "headers": JSON}, "bad_request"),
    ("POST", "/v1/images", {"content": b"[" * 100_000, "headers": JSON}, "validation_failed"),
    ("POST", "/v1/images", {"content": b'{"description":' + b"[" * 200_000, "headers": JSON}, "validation_failed"),
    ("POST", "/v1/images", {"content": b'{"x":' + b"[" * 200_000, "headers": JSON}, "validation_failed"),
    ("POST", "/v1/images", {"content": b'{"name":"x"}'}, "unsupported_media_type"),
    ("POST", "/v1/images", {"content": b"a=b", "headers": {"content-type": "text/plain"}}, "unsupported_media_type"),
    ("POST", "/v1/images", {"data": {"name": "x"}}, "unsupported_media_type"),
    (
        "POST",
        "/v1/images",
        {"content": b"{}", "headers": {"content-type": "application/json; charset=utf-16"}},
        "unsupported_media_type",
    ),
    ("POST", "/v1/images", {"json": []}, "validation_failed"),
    ("POST", "/v1/images", {"content": b"null", "headers": JSON}, "validation_failed"),
    ("POST", "/v1/images", {"json": {}}, "validation_failed"),
    ("POST", "/v1/images", {"json": {"name": "x", "size": 1}}, "validation_failed"),
    ("POST", "/v1/images", {"json": {"name": "x", "type": "image"}}, "validation_failed"),
    ("POST", "/v1/images", {"json": {"name": "x", "actor": {"tenant": "b", "name": "c"}}}, "validation_failed"),
    ("POST", "/v1/images", {"json": {"name": "x", "os_type": "beos"}}, "validation_failed"),
    ("POST", "/v1/images", {"json": {"name": "x", "description": "d" * 1025}}, "validation_failed"),
    *(
        ("POST", "/v1/images", {"json": {"name": name}}, "validation_failed")
        for name in ("", "../x", "..", "a/b", "a\x00b", "a\n", LONG, "é", " a", "a b", "a" * 81, 5, None, True, ["a"])
    ),
    *(
        ("PUT", "/v1/pods/pod-1/limits", {"json": limits}, "validation_failed")
        for limits in (
            [],
            {"receive": 0},
            {"receive": 1.5e9},
            {"links": {"POD": 1_000_000}},
            {"links": {"pod-2": "fast"}},
            {"copies": 65},
            {"windows": [{"begin": "24:00", "end": "06:00"}]},
            {"windows": [{"begin": "22:00", "end": "06:00", "days": [7]}]},
            {"windows": [{"begin": "22:00", "end": "06:00", "pods": []}]},
            {"timezone": ""},
            {"scrub_days": 0},
            {"speed": 1},
        )
    ),
    ("PUT", "/v1/pods/pod-1/limits", {}, "bad_request"),
    ("PUT", "/v1/pods/POD/limits", {"json": {}}, "pod_not_found"),
    ("PUT", "/v1/pods/pod-1/limits", {"json": {}, "headers": {"if-match": "3"}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {"source": {**GOOD_SOURCE, "path": "/etc"}}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {"source": {**GOOD_SOURCE, "name": "../x"}}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {"source": {**GOOD_SOURCE, "pod": "a.b"}}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {"source": {**GOOD_SOURCE, "pod": "*"}}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {"source": GOOD_SOURCE, "number": "1.0.0-rc"}}, "validation_failed"),
    ("POST", f"{BASE}/versions", {"json": {"source": GOOD_SOURCE, "file_type": "vmdk"}}, "validation_failed"),
    ("POST", f"{BASE}/versions/1.0.0/publish", {"json": {"replicas": 0}}, "validation_failed"),
    ("POST", f"{BASE}/versions/1.0.0/publish", {"json": {"replicas": "2"}}, "validation_failed"),
    ("POST", f"{BASE}/versions/1.0.0/publish", {"json": {"replicas": 10**30}}, "validation_failed"),
    ("POST", f"{BASE}/versions/1.0.0/publish", {"json": {"deadline": 0}}, "validation_failed"),
    ("POST", f"{BASE}/versions/1.0.0/publish", {"json": {"deadline": 1e300}}, "validation_failed"),
    (
        "POST",
        f"{BASE}/versions/1.0.0/publish",
        {"json": {"targets": {"kind": "list", "pods": ["pod-1", "POD"]}}},
        "validation_failed",
    ),
    ("POST", f"{BASE}/versions/1.0.0/publish", {"json": {"targets": {"kind": "some"}}}, "validation_failed"),
    *(
        ("POST", f"{BASE}/versions/1.0.0/publish", {"json": body}, "validation_failed")
        for body in (
            {"targets": {"kind": "list", "pods": [f"p-{n}" for n in range(1001)]}},
            {"targets": {"kind": "selector", "selector": {"labels": {}}}},
            {"targets": {"kind": "selector", "selector": {"labels": {"region": []}}}},
            {"targets": {"kind": "selector", "selector": {"labels": {"Region": ["eu"]}}}},
            {"replicas": 17},
            {"overrides": {"POD": {"replicas": 1}}},
            {"overrides": {"pod-1": {"mode": "full"}}},
            {"mode": "deep"},
            {"priority": "now"},
            {"not_before": "2026-03-01T12:00:00"},
            {"not_before": "tomorrow"},
            {"on_deadline": "ignore"},
            {"requires": {"cpus": ["x"]}},
            {"more": ["pod-1"]},
            {"again": True},
        )
    ),
    ("POST", f"{BASE}/versions/1.0.0/republish", {"json": {"more": ["POD"]}}, "validation_failed"),
    ("POST", f"{BASE}/versions/1/unpublish", {}, "version_number_invalid"),
    ("POST", f"{BASE}/versions/1/cancel", {}, "version_number_invalid"),
    ("PATCH", f"{BASE}/versions/1.0.0/placement", {}, "bad_request"),
    ("PATCH", f"{BASE}/versions/1.0.0/placement", {"json": {"targets": {}}}, "validation_failed"),
    (
        "PATCH",
        f"{BASE}/versions/1.0.0/placement",
        {"json": {}, "headers": {"if-match": "*"}},
        "validation_failed",
    ),
    ("DELETE", f"{BASE}/versions/1.0.0/copies/pod-1?replica=16", {}, "validation_failed"),
    ("POST", f"{BASE}/versions/1.0.0/copies/pod-1/repair?replica=-1", {}, "validation_failed"),
    *(
        ("POST", "/v1/publishes", {"json": body}, "validation_failed")
        for body in (
            [],
            {},
            {"items": []},
            {"items": [{"image": "default/debian", "version": "1.0.0"}] * 101},
            {"items": [{"image": "debian", "version": "1.0.0"}]},
            {"items": [{"image": "default/debian", "version": "newest"}]},
            {"items": [{"image": "default/debian"}]},
        )
    ),
    ("POST", "/v1/pods", {"json": {"pod": "POD"}}, "validation_failed"),
    ("POST", "/v1/pods", {"json": {"pod": "pod-9", "hours": 721}}, "validation_failed"),
    ("POST", "/v1/pods", {"json": {"pod": "pod-9", "labels": {"a b": "c"}}}, "validation_failed"),
    ("PUT", "/v1/pods/pod-1/labels", {"json": {"labels": {"region": ""}}}, "validation_failed"),
    ("PUT", "/v1/pods/pod-1/labels", {"json": {"labels": {f"k{n}": "v" for n in range(33)}}}, "validation_failed"),
    ("POST", "/v1/pods/pod-1/remove", {"json": {"force": "yes"}}, "validation_failed"),
    ("POST", "/v1/pods/POD/drain", {}, "pod_not_found"),
    ("PUT", "/v1/policies/..", {"json": {}}, "not_found"),
    ("PUT", "/v1/policies/a b", {"json": {"selector": {"labels": {"a": ["b"]}}}}, "policy_not_found"),
    ("PUT", "/v1/policies/edge", {"json": {"selector": {"labels": {"a": ["b"]}}, "kind": "soft"}}, "validation_failed"),
    ("PUT", "/v1/policies/edge", {"json": {}}, "validation_failed"),
    ("GET", "/v1/webhooks/1", {}, "hook_not_found"),
    ("POST", "/v1/webhooks", {"json": {"url": "http://x.test", "events": []}}, "validation_failed"),
    ("POST", "/v1/webhooks", {"json": {"url": "http://x.test", "events": ["copy"]}}, "validation_failed"),
    ("POST", "/v1/webhooks", {"json": {"url": "http://x.test", "secret": "short"}}, "validation_failed"),
    ("POST", "/v1/jobs/1/cancel", {}, "job_not_found"),
    # headers and queries
    *(
        ("POST", "/v1/images", {"json": {"name": "x"}, "headers": {"idempotency-key": key}}, "validation_failed")
        for key in ("", "a b", "k" * 256, "é".encode())
    ),
    *(
        ("GET", f"/v1/images?{query}", {}, "validation_failed")
        for query in ("limit=0", "limit=501", "limit=x", "limit=1.5", "limit=", "state=../x", "gallery=a/b", "cursor=")
    ),
    ("GET", f"/v1/images?cursor={'c' * 2049}", {}, "validation_failed"),
    ("GET", "/v1/jobs?kind=A", {}, "validation_failed"),
    # paths that can name nothing
    *(
        ("GET", f"/v1/images/{image}", {}, "image_not_found")
        for image in ("x", "..%2F..", "a%00b", "default%2F..%2Fdebian", "default/..%2Fx", "a%0A", LONG[:2000], "%F0%9F")
    ),
    ("GET", "/v1/images/debian/versions", {}, "image_not_found"),
    ("POST", "/v1/images/debian/versions", {"json": {"source": GOOD_SOURCE}}, "image_not_found"),
    *(
        ("GET", f"{BASE}/versions/{number}", {}, "version_number_invalid")
        for number in ("1", "1.0.0.0", "01.0", "1.0%00", "1.0%0A", "9" * 33, "Latest", "1.-1", "..%2F1.0", "1.0.0-rc")
    ),
    *(("GET", f"/v1/pods/{pod}", {}, "pod_not_found") for pod in ("A", "a.b", "%2A", "%3E", "..%2F..", "p" * 33)),
    *(("GET", f"/v1/jobs/{job}", {}, "job_not_found") for job in ("1", "..%2F..", "Z" * 32, "0" * 31 + "%0A")),
    ("GET", f"/v1/images?cursor={'c' * 5000}", {}, "bad_request"),
]


@pytest.mark.parametrize(
    ("method", "url", "arguments", "code"), REFUSED, ids=[f"{r[0]} {r[1]} {r[2]}"[:90] for r in REFUSED]
)
async def test_a_bad_request_is_refused_before_any_service_is_asked(
    house: House, method: str, url: str, arguments: dict[str, Any], code: str
) -> None:
    check(await house.http.request(method, url, **arguments), code)
    assert house.services.asked == []


async def test_a_method_that_is_not_offered_is_answered_with_those_that_are(house: House) -> None:
    response = await house.http.delete("/v1/images")
    check(response, "method_not_allowed")
    assert {"GET", "POST"} <= {name.strip() for name in response.headers["allow"].split(",")}


async def test_a_refusal_names_the_field_and_what_is_wrong_with_it(house: House) -> None:
    body = check(
        await house.http.post(f"{BASE}/versions/1.0.0/publish", json={"targets": {"kind": "list", "pods": ["a", "B"]}}),
        "validation_failed",
    )
    assert list(body["data"]) == ["targets.pods[1]"]
    assert "matching regex" in body["data"]["targets.pods[1]"]
    assert "openapi.json" in body["hint"]


@pytest.mark.parametrize("code", sorted(CODES))
async def test_what_a_service_refuses_keeps_its_code_hint_and_data(house: House, code: str) -> None:
    problem = Problem(code=code, detail="No.", hint="Do this.", data={"limit": 3, "name": "x", "last": None})
    house.services.answers[contract.PublishVersion] = lambda _: problem
    response = await house.http.post(f"{BASE}/versions/1.0.0/publish")
    body = check(response, code)
    assert (body["detail"], body["hint"], body["data"]) == ("No.", "Do this.", {"limit": 3, "name": "x", "last": None})
    assert ("retry-after" in response.headers) == (response.status_code in (429, 503))


async def test_a_code_that_the_door_does_not_know_yet_is_passed_on_as_a_failure_inside(house: House) -> None:
    house.services.answers[contract.ListPods] = lambda _: Problem(code="from_the_future", detail="No.")
    response = await house.http.get("/v1/pods")
    assert (response.status_code, response.json()["code"]) == (500, "from_the_future")


async def test_a_service_that_answers_nonsense_is_an_error_inside_without_internals(house: House) -> None:
    house.services.answers[contract.ListPods] = lambda _: views.image
    body = check(await house.http.get("/v1/pods"), "internal")
    assert "ImageView" not in str(body)
    assert "Traceback" not in str(body)


async def test_a_service_that_is_not_there_is_unavailable_for_now(nats_url: str, tmp_path: Path) -> None:
    settings = GatewaySettings(
        data=str(tmp_path / "door"), nats_url=nats_url, port=0, plain_http=True, request_timeout=0.3
    )
    async with backend(nats_url, "sharing"), gateway(settings) as door, client_of(door) as http:
        response = await http.get("/v1/images")
    check(response, "unavailable")
    assert response.headers["retry-after"] == "2"


async def test_a_service_that_is_silent_is_a_timeout_and_others_are_served_meanwhile(
    house: House, tmp_path: Path
) -> None:
    house.services.answers[contract.ListImages] = lambda _: None
    settings = msgspec.structs.replace(house.door.door.settings, data=str(tmp_path), request_timeout=0.5)
    async with gateway(settings) as door, client_of(door) as http:
        silent = asyncio.create_task(http.get("/v1/images"))
        assert (await http.get("/v1/pods")).status_code == 200
        body = check(await silent, "timeout")
    assert "Idempotency-Key" in body["hint"]
