"""The OpenAPI document: Litestar's paths and parameters, with the schemas of the bodies as msgspec has them.

Litestar leaves out that unknown fields are refused, and some bounds; msgspec, which does the checking, knows both.
"""

import copy
from typing import Any

import msgspec
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Tag

from contracts.names import ID, NAME, NUMBER, POD
from gateway import bodies
from gateway.lean import Application
from gateway.paths import IMAGE
from gateway.problems import ProblemDetails
from gateway.routes import HANDLERS
from gateway.shapes import SHAPES, Alive, PublicationResults, Readiness, Upload

VERSION = "1"
SCHEMAS = "#/components/schemas/"
BODIES: dict[str, tuple[type[bodies.Body], bool]] = {
    "register_image": (bodies.ImageToRegister, True),
    "import_version": (bodies.VersionToImport, True),
    "publish_version": (bodies.Publication, False),
    "republish_version": (bodies.Republication, False),
    "publish_many": (bodies.Publications, True),
    "plan_publish": (bodies.Publication, False),
    "edit_placement": (bodies.PlacementToEdit, True),
    "set_policy": (bodies.PolicyToSet, True),
    "set_pod_limits": (bodies.LimitsToSet, True),
    "set_pod_labels": (bodies.LabelsToSet, True),
    "enroll_pod": (bodies.PodToEnroll, True),
    "remove_pod": (bodies.PodToRemove, False),
    "create_webhook": (bodies.WebhookToMake, True),
    "change_webhook": (bodies.WebhookToChange, True),
    "redeliver": (bodies.DeliveryToRepeat, False),
    "begin_upload": (bodies.FileToUpload, False),
}
"""Operation -> the form of its body, and whether there must be one."""
PATHS: dict[str, dict[str, Any]] = {
    "image": {
        "description": "The image's id, or its gallery and name with the slash between them encoded: "
        "`default%2Fdebian`. Unencoded (`/v1/images/default/debian`) works too, unless the name is `versions`.",
        "schema": {"type": "string", "pattern": IMAGE, "maxLength": 161},
    },
    "version": {
        "description": "The version's number, `1.0.0` or `1.0`, or `latest`.",
        "schema": {"type": "string", "pattern": f"^(latest|{NUMBER.strip('^$')})$", "maxLength": 32},
    },
    "pod": {"description": "The pod's name.", "schema": {"type": "string", "pattern": POD, "maxLength": 32}},
    "upload": {
        "description": "The upload, as its Location names it.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$", "maxLength": 1024},
    },
    "lun": {"description": "The disk's lun.", "schema": {"type": "integer", "minimum": 0, "maximum": 255}},
    "job": {"description": "The job's id.", "schema": {"type": "string", "pattern": ID, "maxLength": 32}},
    "policy": {"description": "The policy's name.", "schema": {"type": "string", "pattern": NAME, "maxLength": 80}},
    "webhook": {"description": "The webhook's id.", "schema": {"type": "string", "pattern": ID, "maxLength": 32}},
}


def config() -> OpenAPIConfig:
    """What Litestar shall say of the API as a whole. No pages are served with it: they would load from elsewhere."""
    return OpenAPIConfig(
        title="Imprint",
        version=VERSION,
        description="Import a VM image once, publish it to every pod. Long work answers 202 with a job.",
        use_handler_docstrings=True,
        tags=[
            Tag(name="images", description="Definitions that versions belong to."),
            Tag(name="versions", description="Immutable content of an image, and its copies on pods."),
            Tag(name="placements", description="What is wanted of a version, pod by pod, and what is there."),
            Tag(name="policies", description="Where versions belong, also on pods that join later."),
            Tag(name="pods", description="Sites with their own hypervisor and content library."),
            Tag(name="uploads", description="Disk files on their way to a pod."),
            Tag(name="jobs", description="Imports and publishes under way and done."),
            Tag(name="events", description="What happens, as it happens."),
            Tag(name="webhooks", description="Events posted to addresses of others."),
            Tag(name="health", description="For probes."),
        ],
        render_plugins=[],
    )


HEADERS: dict[str, tuple[str, str]] = {
    "201": ("Location", "Where what was made is found."),
    "202": ("Location", "The job."),
    "503": ("Retry-After", "Seconds after which to try again."),
}
"""Status -> the header that comes with it."""
_PLACEMENT, _POLICY, _WEBHOOK = (
    f"The revision of the {what}, for If-Match." for what in ("placement", "policy", "webhook")
)
TAGGED = {
    "set_pod_limits": "The revision of the limits, for If-Match.",
    "set_pod_labels": "The revision of the labels, for If-Match.",
    "get_placement": _PLACEMENT,
    "edit_placement": _PLACEMENT,
    "pause_placement": _PLACEMENT,
    "resume_placement": _PLACEMENT,
    "get_policy": _POLICY,
    "set_policy": _POLICY,
    "suspend_policy": _POLICY,
    "resume_policy": _POLICY,
    "get_webhook": _WEBHOOK,
    "change_webhook": _WEBHOOK,
}
"""Operation -> what the ETag of its answer is."""


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
    found["components"] = {"schemas": components}
    found["servers"] = [{"url": "/"}]
    for operations in found["paths"].values():
        for operation in operations.values():
            _correct(operation)
    return msgspec.json.encode(_plain(found))


def _correct(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter.update(PATHS[parameter["name"]])
            continue
        schema = parameter["schema"] = _present(parameter["schema"])
        schema.pop("description", None)
        if schema.get("type") == "integer":
            schema.setdefault("minimum", 0)  # left out by Litestar because it is false
    if operation["operationId"] in BODIES:
        kind, required = BODIES[operation["operationId"]]
        content = {"application/json": {"schema": {"$ref": SCHEMAS + kind.__name__}}}
        operation["requestBody"] = {"required": required, "content": content}
    if operation["operationId"] in TAGGED:
        text = TAGGED[operation["operationId"]]
        operation["responses"]["200"]["headers"] = {"ETag": _header(text)}
    for status, (name, text) in HEADERS.items():
        answer = operation["responses"].get(status)
        if answer is not None and operation["operationId"] != "ready":
            answer["headers"] = {name: _header(text)}


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "required": True, "schema": {"type": "string"}}


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
