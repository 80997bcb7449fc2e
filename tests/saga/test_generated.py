"""Generated requests, through the door to the real catalog: each is answered as the document says, and none with a 500.

What they name is there, so that they get further than to the first 404: an image with a published version, a marker on
it, a desktop pool, a gallery and its rules. What destroys comes last.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from contracts.definition import UPDATABLE, VERSION_UPDATABLE, Flavour, Namespace, Property
from contracts.errors import CODES
from contracts.keeping import Retention, Rule
from gateway.openapi import document
from gateway.server import gateway
from harness.house import TOKEN, house
from harness.signers import Signer
from harness.wait import until
from imprint.client import Client

BEARER = {"authorization": f"Bearer {TOKEN}"}
EXAMPLES = 6
"""Generated requests for each operation."""
ALL = list(HealthCheck)
KNOWN = {
    "image": "lab/debian",
    "version": "1.0.0",
    "marker": "prod",
    "assignment": "desks",
    "gallery": "lab",
    "retention": "old",
    "flavour": "thin",
    "namespace": "acme",
    "certificate": "vendor",
    "tenant": "other",
}
"""What there is, by the name of the path's parameter."""
TAGS = {"galleries", "images", "versions", "markers", "assignments", "definitions", "certificates", "retentions"}
TAGS |= {"audit", "jobs"}
LATE = ("/deactivate", "/run", "/unpublish")
"""Verbs after which others would only be refused."""
schema: Any = schemathesis.openapi.from_dict(json.loads(document()))
OPERATIONS = sorted(
    (
        (method.upper(), path)
        for path, methods in schema.raw_schema["paths"].items()
        for method, operation in methods.items()
        if set(operation["tags"]) & TAGS and not path.endswith(("/content", "/copies", "/repair"))
    ),
    key=lambda operation: (operation[0] == "DELETE", operation[1].endswith(LATE), operation),
)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=90),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
"""Anything that JSON can say."""
SHAPES = {
    "/v1/galleries/{gallery}": "Gallery",
    "/v1/images/{image}": "Image",
    "/v1/images/{image}/versions/{version}": "Version",
    "/v1/assignments/{assignment}": "AssignmentToMake",
}
"""What is edited by a merge patch, and the form whose fields it may name."""
CHANGING = UPDATABLE | VERSION_UPDATABLE | {"details", "quota", "soft_delete", "seats", "pods", "marker", "shape"}
"""Fields that may change in one of them."""


def fields(name: str, depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with a few of the fields of a form, each with any value, or with fields of its own form."""
    form = schema.raw_schema["components"]["schemas"][name]
    found = {}
    for field, described in form["properties"].items():
        parts = [described, *described.get("anyOf", ())]
        inner = [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]
        found[field] = st.one_of(VALUES, *(fields(one, depth - 1) for one in inner if depth))
    often = [*found, *4 * [name for name in found if name in CHANGING]]
    few = st.lists(st.sampled_from(often), min_size=1, max_size=2, unique=True)
    return few.flatmap(lambda names: st.fixed_dictionaries({name: found[name] for name in names}))


async def furnish(url: str) -> None:
    """Make what the requests are about."""
    async with Client(url, token=TOKEN) as client:

        async def over(job: str) -> bool:
            return (await client.job(job)).state not in ("PENDING", "PROCESSING", "CANCELLING")

        await client.create_gallery("lab", {"soft_delete": {"enabled": True}})
        await client.set_flavour(Flavour(name="thin", models=("T1",)))
        await client.set_namespace(Namespace(name="acme", properties={"tier": Property(type="integer")}))
        await client.set_certificate("vendor", Signer().pem)
        await client.set_retention(Retention(name="old", action="DISABLE", rule=Rule(by="COUNT", value=100)))
        for number in ("1.0.0", "1.1.0"):
            accepted = await client.import_version("lab/debian", pod="pod-1", name="golden", number=number)
            await until(lambda job=accepted.job: over(job))
            accepted = await client.publish("lab/debian", number)
            await until(lambda job=accepted.job: over(job))
        await client.move_marker("lab/debian", "prod", "1.0.0")
        seats = {"marker": "prod", "customisation": {"host_name": "desk-{n}"}}
        await client.create_assignment("desks", "lab/debian", ["pod-1"], seats)


@pytest.fixture(scope="module")
def api_url(lasting_nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the door listens; everything runs in a thread of its own, because generated tests block theirs."""
    started, found = threading.Event(), list[str]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    folder: Path = tmp_path_factory.mktemp("house")

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            home = await stack.enter_async_context(house(lasting_nats_url, folder, pods=2))
            home.site("pod-1").vm("golden", b"imprint" * 65536)
            url = (await stack.enter_async_context(gateway(home.door_settings(folder / "gateway")))).url
            await furnish(url)
            found.append(url)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="house")
    thread.start()
    assert started.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    assert not thread.is_alive()
    loop.close()


@pytest.mark.parametrize("path", sorted(SHAPES))
def test_whatever_a_merge_patch_says_of_a_field_it_is_taken_or_refused(api_url: str, path: str) -> None:
    answers = schema[path]["PATCH"].definition.raw["responses"]
    names = {name: value.replace("/", "%2F") for name, value in KNOWN.items()}
    url = f"{api_url}{path.format(**names)}"
    headers = {"content-type": "application/merge-patch+json", **BEARER}

    @given(changes=fields(SHAPES[path]))
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=ALL)
    def check(changes: dict[str, Any]) -> None:
        content = json.dumps(changes).encode("utf-8", "surrogatepass")
        judge(answers, changes, httpx.patch(url, content=content, headers=headers, timeout=30, trust_env=False))

    check()


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_what_is_generated_from_the_document_is_answered_as_it_says(api_url: str, method: str, path: str) -> None:
    operation = schema[path][method]
    answers = operation.definition.raw["responses"]

    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=ALL)
    def check(case: Any) -> None:
        names = {name: KNOWN.get(name, value) for name, value in (case.path_parameters or {}).items()}
        case.path_parameters = names
        judge(answers, case.body, case.call(base_url=api_url, headers=BEARER, timeout=30))

    check()


def judge(answers: dict[str, Any], body: Any, response: Any) -> None:
    """Hold an answer against those that the document has."""
    code = response.json().get("code") if response.status_code >= httpx.codes.BAD_REQUEST else None
    assert code not in ("internal", "timeout", "unavailable"), (body, response.text)
    described = answers.get(str(response.status_code), {}).get("description", "")
    assert described, (body, response.text)
    if code is not None:
        assert CODES[code][0] == response.status_code
        assert f"`{code}`" in described, (code, body, response.text)
