"""Galleries, markers, assignments, policies and entries of the audit log as the API shows them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from cli.responder import AT, IMAGE, VERSION
from contracts.audit import seal

ASSIGNMENT = "0" * 31 + "d"


def gallery(**changes: Any) -> dict[str, Any]:
    """A gallery."""
    return {
        "id": "0" * 31 + "e", "name": "lab", "tenant": "default", "description": "For the lab",
        "quota": {"images": 20, "bytes": 2048}, "usage": {"images": 2, "versions": 5, "bytes": 1024},
        "soft_delete": {"enabled": True, "retention_days": 7, "grace_days": 3}, "created": AT, "revision": 4, **changes,
    }  # fmt: skip


def quota(**changes: Any) -> dict[str, Any]:
    """What a tenant may hold."""
    return {
        "tenant": "acme",
        "quota": {"galleries": 3, "images": 20},
        "usage": {"galleries": 1},
        "revision": 3,
        **changes,
    }


def retention(**changes: Any) -> dict[str, Any]:
    """A retention policy."""
    policy = {"name": "old", "action": "DELETE", "rule": {"by": "AGE", "value": 6, "unit": "MONTHS"}}
    return {"retention": {**policy, "exclude": {"tags": {"keep": ""}}, **changes}, "revision": 2, "ran": AT, "taken": 3}


def victim() -> dict[str, Any]:
    """A version that a policy would take."""
    return {
        "image": IMAGE, "gallery": "default", "name": "golden", "version": VERSION, "number": "1.0.0",
        "action": "DELETE", "reason": "older than 6 months",
    }  # fmt: skip


def flavour(**changes: Any) -> dict[str, Any]:
    """A flavour."""
    fields = {"name": "thin", "models": ["t-1", "t-2"], "description": ""}
    return {"flavour": {**fields, **changes}, "images": 2, "revision": 5}


def namespace(**changes: Any) -> dict[str, Any]:
    """A namespace."""
    fields = {"closed": True, "properties": {"cores": {"type": "integer"}}, "tags": {"env": ["prod", "test"]}}
    return {"namespace": {"name": "hw", **fields, **changes}, "revision": 6}


def certificate(**changes: Any) -> dict[str, Any]:
    """A certificate by which signatures of images are checked."""
    return {
        "name": "vendor", "pem": "-----BEGIN CERTIFICATE-----\n", "subject": "CN=vendor", "fingerprint": "4" * 64,
        "not_before": AT, "not_after": AT, **changes,
    }  # fmt: skip


def marker(**changes: Any) -> dict[str, Any]:
    """A marker."""
    moved = {"version": VERSION, "number": "1.0.0", "at": AT, "actor": "admin"}
    return {
        "image": IMAGE, "name": "prod", "version": VERSION, "number": "1.0.0", "revision": 3, "frozen": False,
        "assignments": 1, "history": [moved], "rollout": None, **changes,
    }  # fmt: skip


def rollout(**changes: Any) -> dict[str, Any]:
    """A staged move of a marker."""
    return {"version": VERSION, "number": "1.0.0", "ring": 1, "rings": 2, "state": "RUNNING", "failed": 1, **changes}


def pool(**changes: Any) -> dict[str, Any]:
    """An assignment on one pod."""
    return {
        "pod": "pod-1", "state": "IN_SYNC", "version": VERSION, "number": "1.0.0", "wanted": VERSION,
        "wanted_number": "1.0.0", "seats": 2, "ready": 2, "failed": 0, "users": 1, "last_used": AT, "failure": None,
        "updated": AT, **changes,
    }  # fmt: skip


def assignment(*pools: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An assignment."""
    return {
        "id": ASSIGNMENT, "name": "desks", "tenant": "default", "image": IMAGE, "gallery": "default",
        "image_name": "golden", "marker": "prod", "version": VERSION, "number": "1.0.0", "kind": "desktop",
        "state": "IN_SYNC", "pods": list(pools or (pool(),)), "seats": 2, "customisation": None, "shape": {},
        "disks": [], "warnings": [], "job": "0" * 31 + "a", "created": AT, "updated": AT, "revision": 5, **changes,
    }  # fmt: skip


def seat(**changes: Any) -> dict[str, Any]:
    """A seat of an assignment."""
    return {
        "assignment": ASSIGNMENT, "pod": "pod-1",
        "seat": {"name": "desk-1", "state": "READY", "version": VERSION, "user": "ada", "last_used": AT, **changes},
    }  # fmt: skip


def log(*contents: tuple[Any, Any]) -> list[dict[str, Any]]:
    """An audit log: an entry for each pair of before and after, chained as the catalog does it."""
    entries: list[dict[str, Any]] = []
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for sequence, (before, after) in enumerate(contents, start=1):
        previous = entries[-1]["hash"] if entries else ""
        said = {
            "sequence": sequence, "at": at, "tenant": "default", "actor": "admin", "action": "image.changed",
            "about": IMAGE, "command": "c-1", "before": before, "after": after,
        }  # fmt: skip
        entries.append({**said, "previous": previous, "hash": seal(previous, **said)})  # type: ignore[arg-type]
    found: list[dict[str, Any]] = msgspec.to_builtins(entries)
    return found
