"""A hub that keeps what it is told, behind the routes that `imprint apply` uses: with revisions, and jobs that end."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from cli.holdings import gallery, marker
from cli.responder import AT, JOB, Answer, Asked, Route, image, job, page, placement, problem, version

Handler = Callable[..., Answer]


def merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


class Hub(dict[tuple[str, str], Route]):
    """Routes that read and write what the hub keeps. ``before`` may answer a request in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.galleries: dict[str, dict[str, Any]] = {}
        self.flavours: dict[str, dict[str, Any]] = {}
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.versions: dict[tuple[str, str], dict[str, Any]] = {}
        self.placements: dict[tuple[str, str], dict[str, Any]] = {}
        self.markers: dict[tuple[str, str], dict[str, Any]] = {}
        self.shared: dict[str, dict[str, Any]] = {}
        self.members: dict[tuple[str, str], dict[str, Any]] = {}
        self.written: list[str] = []
        self.before: Callable[[Asked], Answer | None] = lambda _: None
        self.job: dict[str, Any] = job()

    def get(self, key: tuple[str, str], default: Any = None) -> Any:  # type: ignore[override]
        method, path = key
        for pattern, handler in ROUTES:
            one, _, form = pattern.partition(" ")
            if one == method and (match := re.fullmatch(form, path)):
                names = [unquote(part) for part in match.groups()]
                return lambda asked: self._answer(asked, handler, names)
        return default

    def _answer(self, asked: Asked, handler: Handler, names: list[str]) -> Answer:
        answer = self.before(asked)
        if answer is not None:
            return answer
        if asked.method != "GET":
            self.written.append(f"{asked.method} {unquote(asked.path)}")
        return handler(self, asked, *names)

    def path_of(self, name: str) -> str:
        """An image's name, from that or from its id."""
        return next((path for path, one in self.images.items() if one["id"] == name), name)


def stale(asked: Asked, revision: int) -> Answer | None:
    """The refusal of a write under another revision."""
    given = asked.headers.get("if-match")
    return None if given in (None, f'"{revision}"') else problem(412, "revision_mismatch", hint="Read it again.")


def _edited(asked: Asked, there: dict[str, dict[str, Any]], name: str) -> Answer:
    if (refusal := stale(asked, there[name]["revision"])) is not None:
        return refusal
    there[name] = {**merged(there[name], asked.body), "revision": there[name]["revision"] + 1}
    return Answer(body=there[name])


def _galleries(hub: Hub, asked: Asked) -> Answer:
    if asked.method == "GET":
        return page(*hub.galleries.values())
    empty = {"description": "", "quota": {}, "soft_delete": {}}
    hub.galleries[asked.body["name"]] = gallery(**merged(empty, asked.body))
    return Answer(201, hub.galleries[asked.body["name"]])


def _image(hub: Hub, asked: Asked, name: str) -> Answer:
    path = hub.path_of(name)
    if path not in hub.images:
        return problem(404, "image_not_found")
    return Answer(body=hub.images[path]) if asked.method == "GET" else _edited(asked, hub.images, path)


def _register(hub: Hub, asked: Asked) -> Answer:
    body = dict(asked.body)
    path = f"{body['gallery']}/{body['name']}"
    if path in hub.images:
        return problem(409, "image_exists")
    hub.images[path] = image(id=f"{len(hub.images) + 1:032x}", **{"description": "", "latest": None, **body})
    return Answer(201, hub.images[path])


def _tags(hub: Hub, asked: Asked, path: str) -> Answer:
    there = hub.images[path]
    if (refusal := stale(asked, there["revision"])) is not None:
        return refusal
    kept = {key: value for key, value in there.get("tags", {}).items() if key not in asked.body["remove"]}
    hub.images[path] = {**there, "tags": kept | asked.body["set"], "revision": there["revision"] + 1}
    return Answer(body=hub.images[path])


def _versions(hub: Hub, asked: Asked, name: str) -> Answer:
    path = hub.path_of(name)
    if asked.method == "GET":
        return page(*(one for (of, _), one in hub.versions.items() if of == path))
    number = asked.body["number"]
    said = {key: value for key, value in asked.body.items() if key in ("description", "release_notes")}
    hub.versions[path, number] = version(number=number, **said)
    return _accepted(number)


def _version(hub: Hub, asked: Asked, name: str, number: str) -> Answer:
    key = (hub.path_of(name), number)
    if asked.method == "GET":
        return Answer(body=hub.versions[key]) if key in hub.versions else problem(404, "version_not_found")
    return _edited(asked, hub.versions, key)  # type: ignore[arg-type]


def _publish(hub: Hub, asked: Asked, path: str, number: str, verb: str) -> Answer:
    targets = asked.body.get("targets", {"kind": "all"})
    last = hub.placements.get((path, number), {"revision": 0, "replicas": 1, "terms": {}})
    own = {key: asked.body[key] for key in ("overrides", "priority") if key in asked.body}
    hub.placements[path, number] = placement(
        targets=targets, pods=targets.get("pods", ["pod-1"]), state="SETTLED", revision=last["revision"] + 1,
        replicas=asked.body.get("replicas", last["replicas"]), terms=own or last["terms"],
    )  # fmt: skip
    hub.versions[path, number]["state"] = "AVAILABLE"
    return _accepted(number)


def _placement(hub: Hub, asked: Asked, path: str, number: str) -> Answer:
    there = hub.placements.get((path, number))
    if there is None:
        return problem(404, "placement_not_found")
    if asked.method == "GET":
        return Answer(body=there)
    if (refusal := stale(asked, there["revision"])) is not None:
        return refusal
    there["pods"] = [*there["pods"], *asked.body.get("add", ())]
    there["replicas"] = asked.body.get("replicas", there["replicas"])
    terms = {key: asked.body[key] for key in ("overrides", "priority") if key in asked.body}
    there["terms"] = merged(there["terms"], terms)
    there["revision"] += 1
    return Answer(body=there)


def _markers(hub: Hub, asked: Asked, name: str) -> Answer:
    path = hub.path_of(name)
    return page(*(one for (of, _), one in hub.markers.items() if of == path))


def _move(hub: Hub, asked: Asked, path: str, name: str) -> Answer:
    revision = hub.markers.get((path, name), {"revision": 0})["revision"]
    if (refusal := stale(asked, revision)) is not None:
        return refusal
    hub.markers[path, name] = marker(name=name, number=asked.body["number"], revision=revision + 1)
    return Answer(body=hub.markers[path, name])


def _replaced(hub: Hub, asked: Asked, kind: str, name: str) -> Answer:
    there = hub.flavours if kind == "flavours" else hub.namespaces
    revision = there.get(name, {"revision": 0})["revision"]
    if (refusal := stale(asked, revision)) is not None:
        return refusal
    there[name] = {kind[:-1]: {"name": name, **asked.body}, "revision": revision + 1}
    return Answer(body=there[name])


def _shared(hub: Hub, asked: Asked, name: str) -> Answer:
    if name not in hub.galleries:
        return problem(404, "gallery_not_found")
    empty = {"gallery": "0" * 32, "name": name, "tenant": "default", "sharing": "private", "members": [], "revision": 0}
    there = hub.shared.get(name, empty)
    if asked.method == "PUT":
        if (refusal := stale(asked, there["revision"])) is not None:
            return refusal
        hub.shared[name] = there = {**there, **asked.body, "revision": there["revision"] + 1}
    return Answer(body=there)


def _members(hub: Hub, _: Asked, name: str) -> Answer:
    path = hub.path_of(name)
    return page(*(one for (of, _), one in hub.members.items() if of == path))


def _offer(hub: Hub, asked: Asked) -> Answer:
    rows = []
    for image_ in asked.body["images"]:
        for member in asked.body["members"]:
            there = {"image": image_, "member": member, "state": "PENDING", "until": asked.body["until"], "updated": AT}
            hub.members[hub.path_of(image_), member] = there
            rows.append({"image": image_, "member": member, "state": "PENDING", "code": "", "detail": "", "hint": ""})
    return page(*rows)


def _accepted(number: str) -> Answer:
    return Answer(202, {"job": JOB, "image": "0" * 32, "version": "0" * 32, "number": number})


_ONE = "/v1/images/([^/]+)"
_VERSION = f"{_ONE}/versions/([^/]+)"
ROUTES: list[tuple[str, Handler]] = [
    ("GET /v1/galleries", _galleries),
    ("POST /v1/galleries", _galleries),
    ("PATCH /v1/galleries/([^/]+)", lambda hub, asked, name: _edited(asked, hub.galleries, name)),
    ("GET /v1/flavours", lambda hub, _: page(*hub.flavours.values())),
    ("GET /v1/namespaces", lambda hub, _: page(*hub.namespaces.values())),
    ("PUT /v1/(flavours|namespaces)/([^/]+)", _replaced),
    ("POST /v1/images", _register),
    (f"GET {_ONE}", _image),
    (f"PATCH {_ONE}", _image),
    (f"POST {_ONE}/tags", _tags),
    (f"GET {_ONE}/versions", _versions),
    (f"POST {_ONE}/versions", _versions),
    (f"GET {_VERSION}", _version),
    (f"PATCH {_VERSION}", _version),
    (f"POST {_VERSION}/(publish|republish)", _publish),
    (f"GET {_VERSION}/placement", _placement),
    (f"PATCH {_VERSION}/placement", _placement),
    (f"GET {_ONE}/markers", _markers),
    (f"PUT {_ONE}/markers/([^/]+)", _move),
    ("GET /v1/galleries/([^/]+)/sharing", _shared),
    ("PUT /v1/galleries/([^/]+)/sharing", _shared),
    (f"GET {_ONE}/members", _members),
    ("POST /v1/shares", _offer),
    (f"GET /v1/jobs/{JOB}", lambda hub, _: Answer(body=hub.job)),
    (f"GET {_VERSION}/copies", lambda *_: page()),
]
