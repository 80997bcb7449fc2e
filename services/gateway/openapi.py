"""The OpenAPI document: Litestar's paths and parameters, with the schemas of the bodies as msgspec has them.

Litestar leaves out that unknown fields are refused, and some bounds; msgspec, which does the checking, knows both.
"""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Tag

from contracts.principals import MEMBER
from gateway.described import ADVISED, BODIES, DEPRECATED, HEADERS, PATCHES, PATHS, TAGGED
from gateway.edge import JSON, OPEN, PATCH
from gateway.lean import Application
from gateway.narrowing import FIELDS, FORMS, TAG, filters
from gateway.problems import ProblemDetails
from gateway.routes import HANDLERS
from gateway.shapes import SHAPES, Alive, PublicationResults, Readiness, Upload

VERSION = "1"
ITEMS = {"tag": {"pattern": TAG}, "member": {"pattern": MEMBER, "maxLength": 208}}
"""Parameter that may be repeated -> what each of its values is like."""
SCHEMAS = "#/components/schemas/"
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A local token (`imprint token create`), or one of the issuer that the door trusts.",
}


def config() -> OpenAPIConfig:
    """What Litestar shall say of the API as a whole. No pages are served with it: they would load from elsewhere."""
    return OpenAPIConfig(
        title="Imprint",
        version=VERSION,
        description="Import a VM image once, publish it to every pod. Long work answers 202 with a job.",
        use_handler_docstrings=True,
        tags=[
            Tag(name="galleries", description="What holds images, and how much of them."),
            Tag(name="images", description="Definitions that versions belong to."),
            Tag(name="versions", description="Immutable content of an image, and its copies on pods."),
            Tag(name="markers", description="Names that point at one version of an image, and are moved."),
            Tag(name="assignments", description="Desktop pools on pods, made from the pods' copies."),
            Tag(name="definitions", description="What definitions are held against: flavours and namespaces."),
            Tag(name="certificates", description="By which signatures of imported images are checked."),
            Tag(name="retentions", description="Which old versions go by themselves."),
            Tag(name="placements", description="What is wanted of a version, pod by pod, and what is there."),
            Tag(name="policies", description="Where versions belong, also on pods that join later."),
            Tag(name="sharing", description="Images and galleries of one tenant, offered to others."),
            Tag(name="grants", description="Roles of anybody on galleries, images and versions."),
            Tag(name="pods", description="Sites with their own hypervisor and content library."),
            Tag(name="uploads", description="Disk files on their way to a pod."),
            Tag(name="jobs", description="Imports and publishes under way and done."),
            Tag(name="audit", description="Who changed what."),
            Tag(name="events", description="What happens, as it happens."),
            Tag(name="webhooks", description="Events posted to addresses of others."),
            Tag(name="people", description="Users and service accounts of a tenant."),
            Tag(name="tokens", description="By which programs and people say who they are."),
            Tag(name="directory", description="Organisations, accounts and tenants."),
            Tag(name="health", description="For probes."),
        ],
        render_plugins=[],
    )


def document() -> bytes:
    """The document as JSON.

    From an application of its own: one that is served with a configuration would offer Litestar's version as well.
    """
    app = Application(
        route_handlers=list(HANDLERS),
        dependencies={"door": Provide(lambda: None, sync_to_thread=False)},
        openapi_config=config(),
        logging_config=None,
    )
    found: dict[str, Any] = copy.deepcopy(app.openapi_schema.to_schema())
    structs = (*SHAPES.values(), *(kind for kind, _ in BODIES.values()), ProblemDetails, Alive, Readiness, Upload,
               PublicationResults)  # fmt: skip
    _, components = msgspec.json.schema_components(structs, ref_template=SCHEMAS + "{name}")
    found["components"] = {"schemas": components, "securitySchemes": {"bearer": BEARER}}
    found["security"] = [{"bearer": []}]
    found["servers"] = [{"url": "/"}]
    for path, operations in found["paths"].items():
        for operation in operations.values():
            _correct(operation)
            if path in OPEN:
                operation["security"] = []
    return msgspec.json.encode(_plain(found))


def _correct(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter.update(PATHS[parameter["name"]])
            continue
        schema = parameter["schema"] = _present(parameter["schema"])
        schema.pop("description", None)
        if parameter["name"] in ITEMS:
            schema["items"].update(ITEMS[parameter["name"]])
        if schema.get("type") == "integer":
            schema.setdefault("minimum", 0)  # left out by Litestar because it is false
    operation.setdefault("parameters", []).extend(_filters(operation["operationId"]))
    if operation["operationId"] in BODIES:
        kind, required = BODIES[operation["operationId"]]
        content = {"application/json": {"schema": {"$ref": SCHEMAS + kind.__name__}}}
        operation["requestBody"] = {"required": required, "content": content}
    if operation["operationId"] in PATCHES:
        schema = {
            "type": "object",
            "description": f"A JSON merge patch (RFC 7396). {PATCHES[operation['operationId']]}",
        }
        content = {media: {"schema": schema} for media in (PATCH, JSON)}
        operation["requestBody"] = {"required": True, "content": content}
    for status, answer in operation["responses"].items():
        headers = _headers(operation["operationId"], status)
        if headers:
            answer["headers"] = headers


def _filters(operation: str) -> Iterator[dict[str, Any]]:
    """The parameters of a list that are filters on single fields."""
    texts = {"text": "Only those of which it is this.", "number": "Only those of this number.",
             "time": "Only those of this time.", "flag": "Only those of which this holds."}  # fmt: skip
    for name, kind in filters(operation).items() if operation in FIELDS else ():
        schema = {"type": "string", "pattern": FORMS[kind]}
        yield {"name": name, "in": "query", "required": False, "description": texts[kind], "schema": schema}


def _headers(operation: str, status: str) -> dict[str, Any]:
    """The headers of an answer."""
    found = {}
    if status in HEADERS and operation != "ready":
        name, text = HEADERS[status]
        found[name] = _header(text)
    if status.startswith("2") and operation in TAGGED:
        found["ETag"] = _header(TAGGED[operation])
        if TAGGED[operation] in DEPRECATED:
            found |= {name: _header(text, required=False) for name, text in ADVISED.items()}
    return found


def _header(text: str, *, required: bool = True) -> dict[str, Any]:
    return {"description": text, "required": required, "schema": {"type": "string"}}


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what is there: optional means absent, for nothing in a URL or a header can be null."""
    given = [part for part in schema.get("oneOf", ()) if part != {"type": "null"}]
    if not given:
        return schema
    return {**given[0], **{key: value for key, value in schema.items() if key != "oneOf"}}


def _plain(node: Any) -> Any:
    """Without what only Python's regular expressions need (a ``$`` that lets a newline follow)."""
    match node:
        case dict():
            return {key: _plain(value) for key, value in node.items()}
        case list():
            return [_plain(value) for value in node]
        case str():
            return node.replace(r"(?!\n)", "")
    return node
