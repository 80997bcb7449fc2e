"""Bodies about images and their versions: registered, imported, uploaded, and what becomes of them."""

from typing import Annotated

import msgspec

from contracts import requests as contract
from contracts.names import Name, PodName
from gateway.bodies.base import Body
from gateway.bodies.strict import COMMAND, taken

IMAGE = COMMAND | {"image"}
VERSION = IMAGE | {"number"}
"""What the path names."""

ImageToRegister = taken(
    contract.RegisterImage,
    "ImageToRegister",
    COMMAND,
    "An image to be made, without a version yet. With ``flavour`` it is *Dedicated* to endpoints of its models.",
)
VersionToImport = taken(
    contract.ImportVersion,
    "VersionToImport",
    IMAGE,
    "A version to be imported: from ``source``, something on a pod, or from ``origin``, another version. With "
    "``create`` an image named as ``gallery/name`` that does not exist yet is registered first, as the fields from "
    "``os_type`` to ``flavour`` say. Without ``number`` the first version is 1.0.0 and a later one the next minor "
    "number. ``file_type`` is the declared format: content of another one fails the import. With ``snapshot`` (and "
    "*clone*) the source VM gets a snapshot, which is no backup.",
)
TagsToEdit = taken(
    contract.EditTags, "TagsToEdit", IMAGE, "Tags to set and to remove, in one step; those that are not named stay."
)
ProtectionToSet = taken(
    contract.SetProtection,
    "ProtectionToSet",
    VERSION | {"protected"},
    "For how many hours the protection lasts after it was ended.",
)
DeprecationToSet = taken(
    contract.SetDeprecation,
    "DeprecationToSet",
    VERSION,
    "DEPRECATED: usable with a warning, never `latest`. OBSOLETE: no new use. ACTIVE takes both back. ``replacement`` "
    "is an image, or a number of the same image when a version is meant.",
)
ValidationToRecord = taken(
    contract.RecordValidation,
    "ValidationToRecord",
    VERSION,
    "The result of a validation; one of the same kind is replaced.",
)
MARKER = IMAGE | {"marker"}
MarkerToMove = taken(
    contract.MoveMarker,
    "MarkerToMove",
    MARKER,
    "Which version the marker is to name. With ``rings`` the assignments follow in stages: a ring goes when the pools "
    "of the ring before are IN_SYNC, and the move halts when more than ``failures`` pools failed.",
)
RolloutToSteer = taken(
    contract.SteerRollout, "RolloutToSteer", MARKER, "Halt a staged move, let it go on, or end it where it stands."
)


class FileToUpload(Body, frozen=True, kw_only=True):
    """Where a file is to go, and under which name. With ``sha256`` (hex) it is refused when it has another."""

    pod: PodName
    name: Name
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
