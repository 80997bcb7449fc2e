"""The OpenAPI document, and the door held against it by generated requests."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api import sharing, views
from api.backend import TOKEN, backend
from api.conftest import SERVICES, add_streams
from contracts.errors import CODES
from gateway.server import gateway
from gateway.settings import GatewaySettings

IMAGE = "/v1/images/{image}"
VERSION = f"{IMAGE}/versions/{{version}}"
MARKER = f"{IMAGE}/markers/{{marker}}"
ASSIGNMENT = "/v1/assignments/{assignment}"
GALLERY = "/v1/galleries/{gallery}"
LIVES = ("disable", "enable", "protect", "unprotect", "deprecate")
ROUTES = {
    ("GET", "/v1/images"),
    ("POST", "/v1/images"),
    *((method, IMAGE) for method in ("GET", "PATCH", "DELETE")),
    ("POST", f"{IMAGE}/tags"),
    *(("POST", f"{IMAGE}/{verb}") for verb in LIVES),
    ("GET", "/v1/images/{image}/versions"),
    ("POST", "/v1/images/{image}/versions"),
    *((method, VERSION) for method in ("GET", "PATCH", "DELETE")),
    *(("POST", f"{VERSION}/{verb}") for verb in (*LIVES, "restore", "validations", "deactivate", "reactivate")),
    ("GET", f"{VERSION}/lineage"),
    ("GET", f"{VERSION}/users"),
    ("GET", f"{IMAGE}/markers"),
    *((method, MARKER) for method in ("GET", "PUT", "DELETE")),
    ("POST", f"{MARKER}/rollback"),
    ("POST", f"{MARKER}/rollout"),
    ("GET", "/v1/assignments"),
    ("POST", "/v1/assignments"),
    *((method, ASSIGNMENT) for method in ("GET", "PATCH", "DELETE")),
    *(("POST", f"{ASSIGNMENT}/{verb}") for verb in ("disks", "rebuild", "switch", "duplicate")),
    ("GET", f"{ASSIGNMENT}/seats"),
    ("GET", "/v1/galleries"),
    ("POST", "/v1/galleries"),
    *((method, "/v1/galleries/{gallery}") for method in ("GET", "PATCH", "DELETE")),
    ("GET", "/v1/quota"),
    ("PUT", "/v1/quotas/{tenant}"),
    ("GET", "/v1/retentions"),
    *((method, "/v1/retentions/{retention}") for method in ("PUT", "DELETE")),
    *(("POST", f"/v1/retentions/{{retention}}/{verb}") for verb in ("preview", "run")),
    ("GET", "/v1/flavours"),
    *((method, "/v1/flavours/{flavour}") for method in ("PUT", "DELETE")),
    ("GET", "/v1/namespaces"),
    *((method, "/v1/namespaces/{namespace}") for method in ("PUT", "DELETE")),
    ("GET", "/v1/certificates"),
    *((method, "/v1/certificates/{certificate}") for method in ("PUT", "DELETE")),
    ("GET", "/v1/audit"),
    ("GET", "/v1/audit/sharing"),
    *((method, f"{IMAGE}/members") for method in ("GET", "POST", "DELETE")),
    ("GET", f"{IMAGE}/sharing/status"),
    *(("POST", f"{IMAGE}/sharing/{verb}") for verb in ("suspend", "resume")),
    ("GET", "/v1/shares"),
    ("POST", "/v1/shares"),
    ("POST", "/v1/shares/revoke"),
    ("GET", "/v1/shares/{share}"),
    *(("POST", f"/v1/shares/{{share}}/{verb}") for verb in ("accept", "reject")),
    *((method, f"{GALLERY}/sharing") for method in ("GET", "PUT")),
    ("GET", f"{GALLERY}/sharing/status"),
    *(("GET", f"{path}/grants") for path in (GALLERY, IMAGE, VERSION)),
    *((method, f"{path}/grants/{{principal}}") for path in (GALLERY, IMAGE, VERSION) for method in ("PUT", "DELETE")),
    ("GET", "/v1/whoami"),
    ("GET", "/v1/tokens"),
    ("POST", "/v1/tokens"),
    ("DELETE", "/v1/tokens/{token}"),
    ("GET", "/v1/users"),
    *((method, "/v1/users/{user}") for method in ("PUT", "DELETE")),
    ("GET", "/v1/tenants"),
    *((method, "/v1/tenants/{tenant}") for method in ("GET", "PUT")),
    ("GET", "/v1/accounts"),
    *((method, "/v1/accounts/{account}") for method in ("PUT", "DELETE")),
    ("GET", "/v1/units"),
    *((method, "/v1/units/{unit}") for method in ("PUT", "DELETE")),
    ("PUT", "/v1/pods/{pod}/tenants"),
    ("POST", f"{VERSION}/publish"),
    ("POST", f"{VERSION}/republish"),
    ("POST", f"{VERSION}/unpublish"),
    ("POST", f"{VERSION}/cancel"),
    ("POST", f"{VERSION}/plan"),
    ("GET", f"{VERSION}/placement"),
    ("PATCH", f"{VERSION}/placement"),
    ("POST", f"{VERSION}/placement/pause"),
    ("POST", f"{VERSION}/placement/resume"),
    ("GET", f"{VERSION}/copies"),
    ("DELETE", f"{VERSION}/copies/{{pod}}"),
    ("POST", f"{VERSION}/copies/{{pod}}/repair"),
    ("POST", "/v1/publishes"),
    ("GET", f"{VERSION}/disks/{{lun}}/content"),
    ("HEAD", f"{VERSION}/disks/{{lun}}/content"),
    ("POST", "/v1/uploads"),
    ("HEAD", "/v1/uploads/{upload}"),
    ("PATCH", "/v1/uploads/{upload}"),
    ("PUT", "/v1/uploads/{upload}"),
    ("DELETE", "/v1/uploads/{upload}"),
    ("GET", "/v1/pods"),
    ("GET", "/v1/pods/{pod}"),
    ("GET", "/v1/pods/{pod}/vms"),
    ("GET", "/v1/pods/{pod}/library"),
    ("PUT", "/v1/pods/{pod}/limits"),
    ("PUT", "/v1/pods/{pod}/labels"),
    ("POST", "/v1/pods"),
    *(("POST", f"/v1/pods/{{pod}}/{verb}") for verb in ("drain", "readmit", "remove", "inventory")),
    ("GET", "/v1/policies"),
    *((method, "/v1/policies/{policy}") for method in ("GET", "PUT", "DELETE")),
    ("POST", "/v1/policies/{policy}/suspend"),
    ("POST", "/v1/policies/{policy}/resume"),
    ("GET", "/v1/webhooks"),
    ("POST", "/v1/webhooks"),
    *((method, "/v1/webhooks/{webhook}") for method in ("GET", "PATCH", "DELETE")),
    ("POST", "/v1/webhooks/{webhook}/test"),
    ("POST", "/v1/webhooks/{webhook}/redeliver"),
    ("GET", "/v1/webhooks/{webhook}/deliveries"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/jobs/{job}/cancel"),
    ("POST", "/v1/jobs/{job}/retry"),
    ("GET", "/v1/jobs/{job}"),
    ("GET", "/v1/jobs/{job}/events"),
    ("GET", "/v1/events"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 5
"""Generated requests for each operation and mode: about 1,500 in all."""
BARE = {"/health/live", "/health/ready", "/metrics", "/v1/retentions", "/v1/flavours", "/v1/namespaces", "/v1/whoami"}
"""Paths that take nothing that could be wrong."""
ALL = list(HealthCheck)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="module")
def api_url(module_nats: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a door listens; it runs in a thread of its own, because generated tests block theirs."""
    folder = str(tmp_path_factory.mktemp("door"))
    settings_ = GatewaySettings(data=folder, nats_url=module_nats, port=0, plain_http=True)
    started, found = threading.Event(), list[str]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            await add_streams(module_nats)
            await stack.enter_async_context(backend(module_nats, *SERVICES))
            found.append((await stack.enter_async_context(gateway(settings_))).url)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="door")
    thread.start()
    assert started.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    assert not thread.is_alive()
    loop.close()


@pytest.fixture(scope="module")
def document(api_url: str) -> dict[str, Any]:
    """The document as a client gets it."""
    response = httpx.get(f"{api_url}/openapi.json", trust_env=False, timeout=60)  # it is made when first asked for
    assert response.headers["content-type"] == "application/json"
    return dict(response.json())


@pytest.fixture(scope="module")
def api_schema(document: dict[str, Any]) -> Any:
    """The document for generated tests."""
    refused = ["400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "428", "429", "5xx"]
    # 412 is what tus says to another version of the protocol, whatever else is wrong.
    config = SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": refused}}})
    # Who asks is the tests' own matter: a header that is made wrong on purpose would be replaced by the right one.
    components = {name: part for name, part in document["components"].items() if name != "securitySchemes"}
    return schemathesis.openapi.from_dict({**document, "security": [], "components": components}, config=config)


GENERATED = [
    (mode, method, path)
    for method, path in sorted(ROUTES - {("GET", "/v1/events")})  # whose answers have no end
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or not (path in BARE and method == "GET")
]


@pytest.mark.parametrize(("mode", "method", "path"), GENERATED, ids=[f"{m.value} {v} {p}" for m, v, p in GENERATED])
def test_generated_requests_are_answered_as_the_document_says(
    api_url: str, api_schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = api_schema[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=ALL)
    def check(case: Any) -> None:
        case.call_and_validate(base_url=api_url, headers=BEARER, checks=CHECKS, timeout=20)

    check()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_route_of_the_design_is_in_the_document(document: dict[str, Any]) -> None:
    assert {(method.upper(), path) for path, method, _ in operations(document)} == ROUTES


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert named == set(document["components"]["schemas"]) & named


def test_every_operation_says_what_it_is_and_documents_its_refusals(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["operationId"], path
        assert operation["summary"], path
        assert operation["description"], path
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "403", "500"} <= set(refusals), path
        if path.startswith("/health"):
            assert (operation["security"], "401" in refusals) == ([], False), path
        else:
            assert ("security" not in operation, {"401", "429"} <= set(refusals)) == (True, True), path
        if path.startswith("/v1"):
            assert {"422", "503", "504"} <= set(refusals), path
        if method in ("post", "put", "patch", "delete"):
            assert {"408", "413", "415"} <= set(refusals), path
        if "{" in path and method == "get":
            assert "404" in refusals, path
        for status, answer in refusals.items():
            if (path, status) == ("/health/ready", "503"):
                continue
            assert list(answer["content"]) == ["application/problem+json"], (path, status)
            codes = re.findall(r"`([a-z_]+)`", answer["description"])
            assert codes, (path, status)
            assert all(CODES[code][0] == int(status) for code in codes), (path, status)


def test_bounds_and_forbidden_fields_are_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    bodies: tuple[str, ...] = (
        "ImageToRegister",
        "VersionToImport",
        "SourceToSet",
        "Publication",
        "TargetsToPublish",
    )
    bodies += ("LimitsToSet", "WindowToSet", "Publications", "PublicationInBatch", "PlacementToEdit", "OverrideToSet")
    bodies += ("LabelsToMatch", "RequirementsToMeet", "PolicyToSet", "PodToEnroll", "WebhookToMake", "WebhookToChange")
    bodies += ("DetailsToSet", "CapsuleToSet", "PropertyToSet", "CustomisationToSet", "RetentionToSet", "MarkerToMove",
               "SignatureToSet", "CertificateToSet")  # fmt: skip
    bodies += ("OffersToMake", "CommunityToSet", "GrantToSet", "TokenToMake")
    for name in bodies:
        assert schemas[name]["additionalProperties"] is False, name
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "limit":
                schema = parameter["schema"]
                assert (schema["type"], schema["minimum"], schema["maximum"]) == ("integer", 1, 500), path
    assert schemas["ImageToRegister"]["properties"]["name"]["maxLength"] == 80


def test_the_document_shows_no_internal_tag_and_nothing_that_only_python_understands(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    typed = {name for name, schema in schemas.items() if "type" in schema.get("properties", {})}
    assert typed == {"ProblemDetails", "Property", "PropertyToSet"}
    assert r"(?!\n)" not in str(document)
    assert "_Page" not in schemas


def test_the_document_and_what_it_describes_load_nothing_from_elsewhere(document: dict[str, Any]) -> None:
    assert "://" not in re.sub(r"https://spec\.openapis\.org|'pattern': '\^https\?://", "", str(document))


@pytest.mark.parametrize("path", ["/schema", "/docs", "/schema/openapi.json", "/favicon.ico"])
def test_no_pages_are_served_beside_the_document(api_url: str, path: str) -> None:
    assert httpx.get(api_url + path, headers=BEARER, trust_env=False).status_code == 404


def test_an_example_of_everything_fits_the_document(api_url: str, document: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    urls = {
        "/v1/images": "/v1/images",
        "/v1/images/{image}": f"/v1/images/{views.IMAGE}",
        "/v1/images/{image}/versions": "/v1/images/default/debian/versions",
        "/v1/images/{image}/versions/{version}": "/v1/images/default/debian/versions/1.0.0",
        "/v1/images/{image}/versions/{version}/copies": "/v1/images/default/debian/versions/1.0.0/copies",
        f"{VERSION}/lineage": "/v1/images/default/debian/versions/1.0.0/lineage",
        f"{VERSION}/users": "/v1/images/default/debian/versions/1.0.0/users",
        f"{IMAGE}/markers": "/v1/images/default/debian/markers",
        MARKER: "/v1/images/default/debian/markers/prod",
        "/v1/assignments": "/v1/assignments",
        ASSIGNMENT: "/v1/assignments/desks",
        f"{ASSIGNMENT}/seats": "/v1/assignments/desks/seats",
        "/v1/galleries": "/v1/galleries",
        "/v1/galleries/{gallery}": "/v1/galleries/default",
        "/v1/quota": "/v1/quota",
        "/v1/retentions": "/v1/retentions",
        "/v1/flavours": "/v1/flavours",
        "/v1/namespaces": "/v1/namespaces",
        "/v1/certificates": "/v1/certificates",
        "/v1/audit": "/v1/audit",
        "/v1/audit/sharing": "/v1/audit/sharing",
        f"{IMAGE}/members": f"/v1/images/{views.IMAGE}/members",
        f"{IMAGE}/sharing/status": "/v1/images/default/debian/sharing/status",
        "/v1/shares": "/v1/shares",
        "/v1/shares/{share}": f"/v1/shares/{sharing.OFFERED}",
        f"{GALLERY}/sharing": "/v1/galleries/default/sharing",
        f"{GALLERY}/sharing/status": "/v1/galleries/default/sharing/status",
        f"{GALLERY}/grants": "/v1/galleries/default/grants",
        f"{IMAGE}/grants": "/v1/images/default/debian/grants",
        f"{VERSION}/grants": "/v1/images/default/debian/versions/1.0.0/grants",
        "/v1/whoami": "/v1/whoami",
        "/v1/tokens": "/v1/tokens",
        "/v1/users": "/v1/users",
        "/v1/tenants": "/v1/tenants",
        "/v1/tenants/{tenant}": "/v1/tenants/acme",
        "/v1/accounts": "/v1/accounts",
        "/v1/units": "/v1/units",
        "/v1/pods": "/v1/pods",
        "/v1/pods/{pod}": "/v1/pods/pod-1",
        "/v1/pods/{pod}/vms": "/v1/pods/pod-1/vms",
        "/v1/pods/{pod}/library": "/v1/pods/pod-1/library",
        f"{VERSION}/placement": "/v1/images/default/debian/versions/1.0.0/placement",
        "/v1/policies": "/v1/policies",
        "/v1/policies/{policy}": "/v1/policies/edge",
        "/v1/webhooks": "/v1/webhooks",
        "/v1/webhooks/{webhook}": f"/v1/webhooks/{views.HOOK}",
        "/v1/webhooks/{webhook}/deliveries": f"/v1/webhooks/{views.HOOK}/deliveries",
        "/metrics": "/metrics",
        "/v1/jobs": "/v1/jobs",
        "/v1/jobs/{job}": f"/v1/jobs/{views.JOB}",
        "/v1/jobs/{job}/events": f"/v1/jobs/{views.JOB}/events",
        "/health/live": "/health/live",
        "/health/ready": "/health/ready",
    }
    assert set(urls) == {path for path, method, _ in operations(document) if method == "get"} - {
        "/v1/events",
        f"{VERSION}/disks/{{lun}}/content",  # of which a pod has the bytes
    }
    for path, url in urls.items():
        response = httpx.get(api_url + url, headers=BEARER, trust_env=False)
        assert response.status_code == 200, (url, response.text)
        assert schema[path]["GET"].is_valid_response(response), (url, response.text)
