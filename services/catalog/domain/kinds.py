"""What may be done with a version, by what is on its disks (features.md G5): a table."""

from typing import Literal

from contracts.errors import Problem
from contracts.manifest import Manifest

Kind = Literal["full", "system", "data", "iso"]
"""*full*: the OS disk and data disks. *system*: the OS disk alone. *data*: data disks alone. *iso*: a medium."""
Operation = Literal["publish", "copy", "assign", "switch"]
"""*copy*: a version is made from it. *assign*: seats are made from it, or anew. *switch*: seats of another image are
made from it instead."""

ALLOWED: dict[Kind, frozenset[Operation]] = {
    "full": frozenset({"publish", "copy", "assign", "switch"}),
    "system": frozenset({"publish", "copy", "assign", "switch"}),
    "data": frozenset({"publish", "copy"}),
    "iso": frozenset({"publish", "copy"}),
}
_WORDS: dict[Kind, str] = {"full": "a whole machine", "system": "a system disk", "data": "data disks", "iso": "an ISO"}
_DONE: dict[Operation, str] = {
    "publish": "published",
    "copy": "the origin of another version",
    "assign": "made into seats",
    "switch": "what seats are switched to",
}


def kind_of(manifest: Manifest) -> Kind:
    """The kind of a version with this content."""
    if "iso" in manifest.traits:
        return "iso"
    roles = {disk.role for disk in manifest.disks}
    if "os" not in roles:
        return "data"
    return "full" if "data" in roles else "system"


def objection(manifest: Manifest, operation: Operation) -> Problem | None:
    """Why ``operation`` cannot be done with a version of this content."""
    kind = kind_of(manifest)
    if operation in ALLOWED[kind]:
        return None
    return Problem(
        code="operation_unsupported",
        detail=f"a version that is {_WORDS[kind]} cannot be {_DONE[operation]}",
        hint="Choose a version with an operating system's disk.",
        data={"kind": kind, "operation": operation},
    )
