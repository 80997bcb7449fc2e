"""Bodies about assignments: desktop pools on pods."""

from contracts import requests as contract
from contracts.desktops import DataDisk
from gateway.bodies.strict import COMMAND, taken

ASSIGNMENT = COMMAND | {"assignment"}

AssignmentToMake = taken(
    contract.CreateAssignment,
    "AssignmentToMake",
    COMMAND,
    "A desktop pool on pods, bound to a ``marker`` of an image, or pinned to ``number``. ``endpoints`` belong to a VOI "
    "image, instead of ``seats``. ``accept_eula`` and ``plan`` where the image asks for them.",
)
DiskToAdd = taken(DataDisk)
SeatsToRebuild = taken(
    contract.RebuildAssignment, "SeatsToRebuild", ASSIGNMENT, "The pods whose seats are made anew; none named: all."
)
ImageToSwitchTo = taken(
    contract.SwitchImage,
    "ImageToSwitchTo",
    ASSIGNMENT,
    "Another image, of the same OS type, generation, OS state and disk layout.",
)
AssignmentToDuplicate = taken(
    contract.DuplicateAssignment,
    "AssignmentToDuplicate",
    ASSIGNMENT,
    "The name of the other pool, and its pods; none named: the same.",
)
