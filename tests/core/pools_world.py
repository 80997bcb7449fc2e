"""A catalog with assignments, and what the pods of the tests say of their pools."""

from typing import Any

from catalog.documents import ASSIGNMENT, IMAGE_NAME, MARKERS, POOL, USES, name_key, pool_key
from catalog.domain.assignment import Assignment
from catalog.domain.marker import Marker
from catalog.domain.pool import Pool
from catalog.domain.uses import Uses
from contracts.desktops import Customisation, Seat
from contracts.errors import Failure
from contracts.events.from_pods import AssignmentReported
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn
from contracts.requests import (
    Accepted,
    Actor,
    AddDisk,
    CreateAssignment,
    DropAssignment,
    DropMarker,
    DuplicateAssignment,
    EditAssignment,
    MoveMarker,
    RebuildAssignment,
    RollbackMarker,
    SetEnabled,
    SteerRollout,
    SwitchImage,
)
from contracts.views import AssignmentView, MarkerView
from core.catalog_world import ADA, World
from runtime.work import Emitted

ROOT = Actor(tenant="house", name="root", roles=("operator",))
DESK = Customisation(host_name="desk-{n}")
BROKEN = Failure(code="seat_failed", step="swap", text="the disk is full of holes")


class Pools(World):
    """`World` with words about markers and assignments."""

    def move(
        self, marker: str = "prod", number: str = "1.0.0", image: str = "base", actor: Actor = ADA, **given: Any
    ) -> Any:
        command = MoveMarker(id=self.command_id(), actor=actor, image=image, marker=marker, number=number, **given)
        reply = self.ask(command)
        self.pass_time(0)
        return reply

    def roll_back(self, marker: str = "prod", image: str = "base", actor: Actor = ADA, **given: Any) -> Any:
        reply = self.ask(RollbackMarker(id=self.command_id(), actor=actor, image=image, marker=marker, **given))
        self.pass_time(0)
        return reply

    def steer(self, verb: Any, marker: str = "prod", image: str = "base", actor: Actor = ADA) -> Any:
        reply = self.ask(SteerRollout(id=self.command_id(), actor=actor, image=image, marker=marker, verb=verb))
        self.pass_time(0)
        return reply

    def drop_marker(self, marker: str = "prod", image: str = "base", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(DropMarker(id=self.command_id(), actor=actor, image=image, marker=marker, **given))

    def assign(
        self,
        name: str = "desks",
        image: str = "base",
        pods: tuple[str, ...] = ("pod-1", "pod-2"),
        actor: Actor = ADA,
        **given: Any,
    ) -> Any:
        if "number" not in given:
            given = {"marker": "prod", **given}
        given = {"customisation": DESK, **given}
        return self.ask(CreateAssignment(id=self.command_id(), actor=actor, name=name, image=image, pods=pods, **given))

    def edit(self, assignment: str = "desks", actor: Actor = ADA, revision: int | None = None, **changes: Any) -> Any:
        return self.ask(
            EditAssignment(id=self.command_id(), actor=actor, assignment=assignment, changes=changes, revision=revision)
        )

    def add_disk(self, disk: Any, assignment: str = "desks", actor: Actor = ADA) -> Any:
        return self.ask(AddDisk(id=self.command_id(), actor=actor, assignment=assignment, disk=disk))

    def rebuild(self, assignment: str = "desks", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(RebuildAssignment(id=self.command_id(), actor=actor, assignment=assignment, **given))

    def switch(self, image: str, assignment: str = "desks", actor: Actor = ADA, **given: Any) -> Any:
        if "number" not in given:
            given = {"marker": "prod", **given}
        return self.ask(SwitchImage(id=self.command_id(), actor=actor, assignment=assignment, image=image, **given))

    def duplicate(self, name: str, assignment: str = "desks", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(
            DuplicateAssignment(id=self.command_id(), actor=actor, assignment=assignment, name=name, **given)
        )

    def drop(self, assignment: str = "desks", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(DropAssignment(id=self.command_id(), actor=actor, assignment=assignment, **given))

    def enable(self, number: str | None, *, enabled: bool, image: str = "base", actor: Actor = ADA) -> Any:
        command = SetEnabled(id=self.command_id(), actor=actor, image=image, number=number, enabled=enabled)
        return self.ask(command)

    def report(
        self,
        assignment: str,
        pod: str,
        state: Any = "IN_SYNC",
        *,
        version: str | None = None,
        attempt: int | None = None,
        seats: tuple[Seat, ...] = (),
        failure: Failure | None = None,
    ) -> list[Emitted]:
        """What the pod says of its pool; by default that it has what it was asked for."""
        pool = self.pool(assignment, pod)
        if version is None:
            version = "" if pool.asked is None or state == "REMOVED" else pool.asked.version
        if state == "UPDATE_FAILED" and failure is None:
            failure = BROKEN
        event = AssignmentReported(
            assignment=assignment,
            attempt=pool.attempt if attempt is None else attempt,
            state=state,
            version=version,
            seats=seats,
            failure=failure,
        )
        said = self.say(event, f"pod:{pod}", saga="chosen by the pod")
        return said + self.pass_time(0)

    def synced(self, assignment: str, *pods: str) -> None:
        """Each pod says that its pool is as wanted."""
        for pod in pods or tuple(self.assignment(assignment).pods):
            self.report(assignment, pod)

    def assignment(self, id: str) -> Assignment:
        found = self.get(ASSIGNMENT, id)
        assert found is not None, f"no assignment {id}"
        return found

    def pool(self, assignment: str, pod: str) -> Pool:
        found = self.get(POOL, pool_key(assignment, pod))
        assert found is not None, f"no pool of {assignment} on {pod}"
        return found

    def uses(self, version: str) -> Uses:
        return self.get(USES, version) or Uses()

    def marker(self, name: str = "prod", image: str = "base", tenant: str = "acme") -> Marker:
        claim = self.get(IMAGE_NAME, name_key(tenant, "default", image))
        assert claim is not None
        found = self.get(MARKERS, claim.id)
        assert found is not None
        return found.by[name]

    def ready(self, *, pods: tuple[str, ...] = ("pod-1", "pod-2"), versions: int = 1) -> tuple[list[Accepted], str]:
        """Versions published to ``pods``, the marker ``prod`` on the first, and an assignment in sync with it."""
        made = [self.published(pods=pods) for _ in range(versions)]
        moved = self.move(number=made[0].number)
        assert isinstance(moved, MarkerView), moved
        assigned = self.assign(pods=pods)
        assert isinstance(assigned, AssignmentView), assigned
        self.synced(assigned.id)
        return made, assigned.id


def asked(said: list[Emitted]) -> list[AssignmentRequested]:
    """What pods were asked for."""
    return [one.event for one in said if isinstance(one.event, AssignmentRequested)]


def withdrawn(said: list[Emitted]) -> list[AssignmentWithdrawn]:
    """What pods were told to delete."""
    return [one.event for one in said if isinstance(one.event, AssignmentWithdrawn)]


def seat(name: str = "desk-1", state: Any = "READY", version: str = "", **given: Any) -> Seat:
    return Seat(name=name, state=state, version=version, **given)
