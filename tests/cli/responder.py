"""A small HTTP server that answers as the gateway would: what the command line is tested against."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

AT = "2026-01-02T03:04:05Z"
JOB, IMAGE, VERSION = "0" * 31 + "a", "0" * 31 + "b", "0" * 31 + "c"


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    given: list[tuple[str, str]] = field(default_factory=list)
    """The query, where a parameter may come several times."""


@dataclass
class Answer:
    """What to send back. ``body`` None cuts the connection, but for 204; ``chunks`` are sent as they are."""

    status: int = 200
    body: Any = None
    chunks: list[bytes] | None = None


Route = Callable[[Asked], Answer]


@dataclass
class Gateway:
    """Routes by method and path; everything asked is in ``asked``."""

    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Give these answers one after the other; the last one stays."""
        waiting = list(answers)
        self.routes[method, path] = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def problem(status: int, code: str, title: str = "No", detail: str = "Not so.", hint: str = "Do it so.") -> Answer:
    """A refusal in the form of RFC 9457."""
    body = {"type": f"urn:imprint:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return Answer(status, {**body, "hint": hint, "data": {}})


def page(*items: Any, next: str | None = None, **more: Any) -> Answer:
    """A page of a list."""
    return Answer(body={"items": list(items), "next": next, **more})


def image(**changes: Any) -> dict[str, Any]:
    """An image as the API shows it."""
    return {
        "id": IMAGE, "gallery": "default", "name": "golden", "tenant": "default", "state": "AVAILABLE",
        "os_type": "linux", "os_state": "generalized", "generation": "V1", "architecture": "x64", "description": "",
        "latest": "1.0.0", "created": AT, "revision": 3, **changes,
    }  # fmt: skip


def disk(**changes: Any) -> dict[str, Any]:
    """A disk of a manifest."""
    return {
        "role": "os", "lun": 0, "format": "raw", "size": 4096, "virtual_size": 4096, "root": "1" * 64,
        "sha256": "2" * 64, "grid": "file", **changes,
    }  # fmt: skip


def version(**changes: Any) -> dict[str, Any]:
    """A version as the API shows it."""
    source = {"pod": "pod-1", "kind": "vm", "name": "golden", "disks": "all"}
    return {
        "id": VERSION, "image": IMAGE, "gallery": "default", "name": "golden", "number": "1.0.0", "tenant": "default",
        "state": "DEPLOYMENT_DONE", "source": source,
        "manifest": {"disks": [disk()], "source": source, "created": AT},
        "copies": {"wanted": 0, "available": 0, "failed": 0, "skipped": 0}, "failure": None, "job": JOB,
        "created": AT, "updated": AT, "revision": 2, **changes,
    }  # fmt: skip


def copy(**changes: Any) -> dict[str, Any]:
    """A copy as the API shows it."""
    return {
        "id": f"{VERSION}_pod-1_0", "version": VERSION, "pod": "pod-1", "replica": 0, "datastore": "default",
        "state": "AVAILABLE", "attempt": 1, "digest": "3" * 64, "bytes_total": 4096, "bytes_done": 4096,
        "bytes_network": 0, "bytes_reused": 4096, "rate": None, "eta": None, "failure": None, "history": [],
        "next_attempt": None, "reason": "", "updated": AT, **changes,
    }  # fmt: skip


def job(**changes: Any) -> dict[str, Any]:
    """A job as the API shows it."""
    return {
        "id": JOB, "kind": "import", "state": "SUCCESS", "image": IMAGE, "gallery": "default", "name": "golden",
        "version": VERSION, "number": "1.0.0", "actor": "admin",
        "copies": {"wanted": 0, "available": 0, "failed": 0, "skipped": 0}, "failure": None, "created": AT,
        "updated": AT, **changes,
    }  # fmt: skip


def pod(**changes: Any) -> dict[str, Any]:
    """A pod as the API shows it."""
    return {
        "name": "pod-1", "state": "CONNECTED", "hypervisor": "kvm", "family": "kvm", "connector_version": "0.1.0",
        "address": "http://127.0.0.1:1", "formats": ["raw"], "labels": {"region": "eu", "rack": "r1"},
        "dead_letters": 0, "last_seen": AT, "datastores": [{"name": "default", "capacity": 2048, "free": 1024}],
        "own_labels": {"rack": "r1"}, "labels_revision": 2, "receiving": 1, "queued": 3, "rate": 1048576.0,
        "drift": 2, **changes,
    }  # fmt: skip


def placement(**changes: Any) -> dict[str, Any]:
    """A placement as the API shows it."""
    return {
        "version": VERSION, "image": IMAGE, "tenant": "default", "publication": 1, "targets": {"kind": "all"},
        "pods": ["pod-1", "pod-2"], "replicas": 1, "terms": {"overrides": {"pod-2": {"replicas": 2}}},
        "deadline": AT, "state": "RUNNING", "copies": {"AVAILABLE": 1, "REPLICATING": 2}, "wanted": 3, "revision": 7,
        **changes,
    }  # fmt: skip


def policy(**changes: Any) -> dict[str, Any]:
    """A policy as the API shows it."""
    body = {"selector": {"labels": {"site": ["north", "south"]}}, "kind": "HARD", "versions": 2}
    return {"name": "edge", "policy": body, "pods": ["pod-1"], "revision": 3, "updated": AT, **changes}


def hook(**changes: Any) -> dict[str, Any]:
    """A webhook as the API shows it."""
    return {
        "id": "h-1", "url": "http://hooks.test/x", "events": ["copy.*"], "images": [], "versions": [], "pods": [],
        "description": "", "suspended": False, "secret": None, "pending": 1, "dead": 2, "created": AT, "revision": 4,
        **changes,
    }  # fmt: skip


def delivery(**changes: Any) -> dict[str, Any]:
    """A delivery as the API shows it."""
    return {
        "id": "d-1", "hook": "h-1", "event": "e-1", "type_name": "copy.available.v1", "state": "DEAD", "attempts": 9,
        "status": 500, "error": "It answered 500.", "created": AT, "updated": AT, **changes,
    }  # fmt: skip


def accepted() -> Answer:
    """A long command was accepted."""
    return Answer(202, {"job": JOB, "image": IMAGE, "version": VERSION, "number": "1.0.0"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, dict(given := parse_qsl(parts.query)), headers, body, given)
        self.gateway.asked.append(asked)
        route = self.gateway.routes.get((asked.method, asked.path), lambda _: problem(404, "not_found"))
        answer = route(asked)
        self.close_connection = True
        if answer.chunks is not None:
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for chunk in answer.chunks:
                self.wfile.write(chunk)
                self.wfile.flush()
        elif answer.status == 204:
            self.send_response(answer.status)
            self.end_headers()
        elif answer.body is not None:
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may leave at any time; anything else is worth reading."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[Gateway]:
    """A responder on a free port while the block runs."""
    gateway = Gateway()
    handler = type("Handler", (_Handler,), {"gateway": gateway})
    server = _Server(("127.0.0.1", 0), handler)
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
