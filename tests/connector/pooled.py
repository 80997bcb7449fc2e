"""What the tests of pools share: a copy in a pod's library, what is wanted of a pool, and the seats on the disk."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pods import Pod

from connector.domain.pools import Pool as Kept
from connector.domain.pools import Told
from connector.failures import Cancel
from connector.pools.making import bring, look
from contracts.desktops import Customisation, Wanted
from contracts.manifest import Manifest
from contracts.names import copy_id

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ASSIGNMENT = "a" * 32
CUSTOM = Customisation(host_name="lab-{n}")


@dataclass(frozen=True)
class Published:
    """A version of which the pod has a copy."""

    version: str
    manifest: Manifest
    copy: str


def published(pod: Pod, content: bytes, name: str) -> Published:
    """A version with a copy on the pod it was imported on."""
    task = pod.import_task(pod.file(name, content))
    manifest = pod.prepare(task).manifest
    pod.copy(pod.copy_task(task.version, manifest))
    return Published(task.version, manifest, copy_id(task.version, pod.name, 0))


def wanting(version: Published, **more: Any) -> Wanted:
    fields: dict[str, Any] = {
        "assignment": ASSIGNMENT,
        "name": "lab",
        "tenant": "tenant",
        "image": "image",
        "version": version.version,
        "number": "1.0.0",
        "copy": version.copy,
        "digest": version.manifest.digest,
        "seats": 2,
        "customisation": CUSTOM,
    }
    return Wanted(**(fields | more))


def word(wanted: Wanted | None, attempt: int = 1, **more: Any) -> Kept:
    """The hub's word as the connector keeps it."""
    return Kept(attempt=attempt, at=NOW, wanted=wanted, **more)


def have(pod: Pod, wanted: Wanted | None, attempt: int = 1, **more: Any) -> Told:
    """Do what the keeper does after a start: look, and bring about what is wanted."""
    pool = word(wanted, attempt, **more)
    found = look(pod.backend.pools, ASSIGNMENT, pool, pod.name, first=True)
    told = bring(pod.backend.pools, ASSIGNMENT, pool, pod.name, Cancel()) if found.work else found.told
    pod.backend.pools.settle()
    return told


def seat(pod: Pod, name: str = "desk-1") -> Path:
    return pod.folder / "pools" / ASSIGNMENT / name


def described(pod: Pod, name: str = "desk-1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((seat(pod, name) / "desktop.json").read_text())
    return found


def log_on(pod: Pod, user: str | None, name: str = "desk-1", **more: Any) -> None:
    (seat(pod, name) / "session.json").write_bytes(msgspec.json.encode({"user": user, **more}))


def left(pod: Pod) -> list[str]:
    """What lies in the pool's folder beside its seats, and all bases."""
    found = [*pod.folder.glob("pools/*/.*"), *pod.folder.glob("datastores/*/bases/*")]
    return sorted(str(path.relative_to(pod.folder)) for path in found)
