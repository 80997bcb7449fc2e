"""What the catalog is asked about assignments (desktop pools), each named by its id or by its name in the tenant."""

from typing import Annotated, Any

import msgspec

from contracts.definition import PurchasePlan
from contracts.desktops import MOST_SEATS, Customisation, DataDisk, Endpoint, Shape
from contracts.names import Name, Number, PodName
from contracts.requests.base import Command, Request
from contracts.terms import PodNames

Seats = Annotated[int, msgspec.Meta(ge=0, le=MOST_SEATS)]


class CreateAssignment(Command, frozen=True, kw_only=True, tag="command.catalog.create_assignment"):
    """Make a desktop pool on pods, bound to a marker of an image, or pinned to ``number``.

    Only where a copy is AVAILABLE and the image's requirements hold: hard ones refuse, recommended ones warn
    (features.md H1). ``accept_eula`` and ``plan`` where the image asks for them (H5, G7).
    """

    name: Name
    image: str
    marker: Name | None = None
    number: Number | None = None
    pods: Annotated[tuple[PodName, ...], msgspec.Meta(min_length=1, max_length=256)]
    seats: Seats = 1
    endpoints: Annotated[tuple[Endpoint, ...], msgspec.Meta(max_length=MOST_SEATS)] = ()
    """Of a VOI image, instead of ``seats``."""
    customisation: Customisation | None = None
    shape: Shape = Shape()
    disks: Annotated[tuple[DataDisk, ...], msgspec.Meta(max_length=16)] = ()
    accept_eula: bool = False
    plan: PurchasePlan | None = None


class EditAssignment(Command, frozen=True, kw_only=True, tag="command.catalog.edit_assignment"):
    """Change ``seats``, ``endpoints``, ``pods``, ``marker``, ``number`` or ``shape`` by a JSON merge patch."""

    assignment: str
    changes: dict[str, Any]
    revision: int | None = None


class AddDisk(Command, frozen=True, kw_only=True, tag="command.catalog.add_disk"):
    """Give each seat one more data disk."""

    assignment: str
    disk: DataDisk
    revision: int | None = None


class RebuildAssignment(Command, frozen=True, kw_only=True, tag="command.catalog.rebuild_assignment"):
    """Make seats anew from the version that the assignment wants; also after a failed update. None named: all pods."""

    assignment: str
    pods: PodNames = ()


class SwitchImage(Command, frozen=True, kw_only=True, tag="command.catalog.switch_image"):
    """Bind to another image: of the same OS type, generation, OS state and disk layout (features.md, Settled)."""

    assignment: str
    image: str
    marker: Name | None = None
    number: Number | None = None
    accept_eula: bool = False
    plan: PurchasePlan | None = None
    revision: int | None = None


class DuplicateAssignment(Command, frozen=True, kw_only=True, tag="command.catalog.duplicate_assignment"):
    """Make another pool that wants the same, under another name, on the same pods or on others."""

    assignment: str
    name: Name
    pods: PodNames = ()


class DropAssignment(Command, frozen=True, kw_only=True, tag="command.catalog.drop_assignment"):
    """Delete a pool with its seats. With users logged on it is refused, unless ``force``."""

    assignment: str
    force: bool = False
    revision: int | None = None


class ListAssignments(Request, frozen=True, kw_only=True, tag="query.catalog.assignments"):
    """Assignments of the tenant, by name unless ``sort`` names a field. ``where`` as in `ListImages`."""

    image: str | None = None
    pod: str | None = None
    state: str | None = None
    where: dict[str, str] = {}
    sort: str = "name"
    limit: int = 100
    cursor: str | None = None


class GetAssignment(Request, frozen=True, kw_only=True, tag="query.catalog.assignment"):
    """An assignment with what each of its pods reports."""

    assignment: str


class ListSeats(Request, frozen=True, kw_only=True, tag="query.catalog.seats"):
    """The seats of an assignment on its pods, with state, user and last use; pod by pod and by their names unless
    ``sort`` names a field. ``where`` as in `ListImages`."""

    assignment: str
    pod: str | None = None
    state: str | None = None
    where: dict[str, str] = {}
    sort: str = "pod"
    limit: int = 100
    cursor: str | None = None
