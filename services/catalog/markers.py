"""Reactions to the commands about markers: move, roll back, steer a staged move, drop (features.md A8, F12, F13)."""

from collections.abc import Iterable, Iterator

import msgspec

from catalog import pools, references, rollouts
from catalog.config import Config
from catalog.documents import ASSIGNMENT, COPY, MARKERS, VERSION
from catalog.domain import lives
from catalog.domain import marker as markers
from catalog.domain.assignment import Stand, staying
from catalog.domain.image import Image
from catalog.domain.marker import Marker, Markers, Move, named, with_marker
from catalog.domain.patching import objection_to_revision
from catalog.domain.rollout import Rollout
from catalog.settings import CatalogSettings
from catalog.views.marker import marker_view
from contracts.errors import Problem
from contracts.events.hub import MarkerDeleted, MarkerMoved
from contracts.names import copy_id
from contracts.requests import Actor, Done, DropMarker, MoveMarker, RollbackMarker, SteerRollout
from contracts.views import MarkerView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about markers. A refusal tells how things are now, so it is not kept for a repetition."""
    settings = config.settings

    def on_steer(message: Message[SteerRollout], work: Work) -> MarkerView | Problem:
        return _steer(message.body, work, settings)

    return {
        MoveMarker: Reaction(_move_keys, lambda message, work: _move(message.body, work), refuses_anew=True),
        RollbackMarker: Reaction(_back_keys, lambda message, work: _roll_back(message.body, work), refuses_anew=True),
        SteerRollout: Reaction(_steer_keys, on_steer, refuses_anew=True),
        DropMarker: Reaction(_keys, lambda message, work: _drop(message.body, work), refuses_anew=True),
    }


def _keys(message: Message[RollbackMarker | SteerRollout | DropMarker], get: Get) -> Iterator[Ref]:
    """The image, its markers, and the version that the one in question names."""
    command = message.body
    tenant = command.actor.tenant
    yield from references.refs(tenant, command.image, get)
    if (id := references.image_id(tenant, command.image, get)) is not None:
        yield MARKERS(id)
        if (marker := named(get(MARKERS, id), command.marker)) is not None:
            yield VERSION(marker.version)


def _move_keys(message: Message[MoveMarker], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield from references.version_refs(tenant, command.image, command.number, get)
    if (id := references.image_id(tenant, command.image, get)) is not None:
        yield MARKERS(id)
        if (marker := named(get(MARKERS, id), command.marker)) is not None:
            yield VERSION(marker.version)


def _move(command: MoveMarker, work: Work) -> MarkerView | Problem:
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    before = work.get(MARKERS, found.image_id)
    marker = named(before, command.marker)
    problem = (
        objection_to_revision(command.revision, 0 if marker is None else marker.revision)
        or _objection_to_move(work, command.marker, marker, found.image)
        or markers.objection_to_more(0 if marker is not None or before is None else len(before.by))
        or markers.objection_to_target(found.version)
        or lives.objection_to_use(found.image, found.version, work.message.at)
        or lives.objection_to_data(found.version, operator=command.actor.operator)
    )
    if problem is not None:
        return problem
    if marker is not None and marker.version == found.id and not markers.cut_short(marker):
        if marker.rollout is None or not marker.rollout.under_way:  # those whose job was cancelled follow it again
            rollouts.have_followed(work, marker.bound, "marker", command.logoff)
        return _view(work, found.image_id, found.image, command.marker, marker)
    if marker is not None and marker.rollout is not None and marker.rollout.under_way:
        return markers.rollout_running(command.marker)
    move = Move(version=found.id, number=found.version.number, at=work.message.at, actor=command.actor.name)
    rollout = None
    if command.rings:
        rollout = Rollout(
            version=found.id,
            number=found.version.number,
            rings=command.rings,
            failures=command.failures,
            logoff=command.logoff,
        )
    after = _moved(work, found.image_id, found.image, command.marker, marker, move)
    if rollout is not None:
        after = rollouts.advance(work, found.image_id, found.image.tenant, command.marker, after, rollout)
        pools.roll_on(work, found.image_id, command.marker)
    rollouts.have_followed(work, after.bound, "marker", command.logoff)
    return _view(work, found.image_id, found.image, command.marker, after)


def _back_keys(message: Message[RollbackMarker], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from _keys(message, get)
    id = references.image_id(command.actor.tenant, command.image, get)
    marker = None if id is None else named(get(MARKERS, id), command.marker)
    if marker is None or (target := markers.before(marker)) is None:
        return
    yield VERSION(target.version)
    for one in marker.bound:
        yield ASSIGNMENT(one)
        assignment = get(ASSIGNMENT, one)
        if assignment is not None:
            yield from (COPY(copy_id(target.version, pod, 0)) for pod in assignment.pods)


def _roll_back(command: RollbackMarker, work: Work) -> MarkerView | Problem:
    found = _find(work, command.actor, command.image, command.marker)
    if isinstance(found, Problem):
        return found
    image_id, image, marker = found
    at = work.message.at
    problem = objection_to_revision(command.revision, marker.revision) or _objection_to_move(
        work, command.marker, marker, image
    )
    if problem is not None:
        return problem
    target = markers.before(marker)
    version = None if target is None else work.get(VERSION, target.version)
    if target is None or version is None:
        return Problem(
            code="marker_no_history",
            detail=f"{command.marker} named no other version before",
            hint="Move it to the version that it is to name.",
        )
    problem = (
        markers.objection_to_target(version)
        or lives.objection_to_use(image, version, at)
        or lives.objection_to_data(version, operator=command.actor.operator)
        or _objection_to_copies(work, marker, target)
    )
    if problem is not None:
        return problem
    if marker.rollout is not None and marker.rollout.under_way:
        ended = msgspec.structs.replace(marker.rollout, state="CANCELLED")
        marker = rollouts.advance(work, image_id, image.tenant, command.marker, marker, ended)
    move = Move(version=target.version, number=target.number, at=at, actor=command.actor.name, rollback=True)
    after = _moved(work, image_id, image, command.marker, marker, move)
    rollouts.have_followed(work, after.bound, "rollback")
    return _view(work, image_id, image, command.marker, after)


def _moved(work: Work, image_id: str, image: Image, name: str, marker: Marker | None, move: Move) -> Marker:
    """The marker after a move, stored and said."""
    known = work.get(MARKERS, image_id) or Markers()
    after = markers.moved(marker, move, max(work.floor, known.gone if marker is None else 0))
    work.put(MARKERS, image_id, with_marker(known, name, after))
    work.emit(
        MarkerMoved(
            image=image_id,
            tenant=image.tenant,
            marker=name,
            version=move.version,
            number=move.number,
            before="" if marker is None else marker.version,
            rollback=move.rollback,
            revision=after.revision,
        )
    )
    return after


def _steer_keys(message: Message[SteerRollout], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from _keys(message, get)
    id = references.image_id(command.actor.tenant, command.image, get)
    marker = None if id is None else named(get(MARKERS, id), command.marker)
    if marker is not None and command.verb == "resume" and marker.rollout is not None:
        for one in marker.bound:
            yield ASSIGNMENT(one)
            assignment = get(ASSIGNMENT, one)
            if assignment is not None and _tried(assignment.pods.values(), marker):
                yield from pools.refs(one, get, marker.version)


def _tried(stands: Iterable[Stand], marker: Marker) -> bool:
    """Whether an update to what the marker names failed anywhere."""
    return any(stand.failed == marker.version for stand in stands)


def _steer(command: SteerRollout, work: Work, settings: CatalogSettings) -> MarkerView | Problem:
    found = _find(work, command.actor, command.image, command.marker)
    if isinstance(found, Problem):
        return found
    image_id, image, marker = found
    rollout = marker.rollout
    if rollout is None or not rollout.under_way:
        return Problem(
            code="rollout_not_found",
            detail=f"no staged move of {command.marker} is under way",
            hint="Move the marker with rings to begin one.",
        )
    state = {"halt": "HALTED", "resume": "RUNNING", "cancel": "CANCELLED"}[command.verb]
    if state == rollout.state:
        return _view(work, image_id, image, command.marker, marker)
    now = msgspec.structs.replace(rollout, state=state, failure=None)
    marker = rollouts.advance(work, image_id, image.tenant, command.marker, marker, now)
    if state == "RUNNING":
        for id in marker.bound:
            assignment = work.get(ASSIGNMENT, id)
            if assignment is not None and _tried(assignment.pods.values(), marker):
                rollouts.follow(work, id, marker, "marker", rollout.logoff, settings, retry=True)
        rollouts.have_followed(work, marker.bound, "marker", rollout.logoff)  # those whose job was cancelled, too
        pools.roll_on(work, image_id, command.marker)
    return _view(work, image_id, image, command.marker, marker)


def _drop(command: DropMarker, work: Work) -> Done | Problem:
    found = _find(work, command.actor, command.image, command.marker)
    if isinstance(found, Problem):
        return found
    image_id, image, marker = found
    problem = objection_to_revision(command.revision, marker.revision)
    if problem is not None:
        return problem
    if marker.bound:
        return Problem(
            code="marker_in_use",
            detail=f"{len(marker.bound)} assignments are bound to {command.marker}",
            hint="Bind them to another marker, or delete them first.",
            data={"assignments": len(marker.bound)},
        )
    revision = max(marker.revision, work.floor) + 1
    known = work.get(MARKERS, image_id) or Markers()
    work.put(MARKERS, image_id, markers.without_marker(known, command.marker, revision))
    work.emit(MarkerDeleted(image=image_id, tenant=image.tenant, marker=command.marker, revision=revision))
    return Done()


def _find(work: Work, actor: Actor, text: str, name: str) -> tuple[str, Image, Marker] | Problem:
    """The marker that ``actor`` is about to change, with its image."""
    found = references.find_to_write(work, actor, text)
    if isinstance(found, Problem):
        return found
    marker = named(work.get(MARKERS, found[0]), name)
    return markers.marker_not_found(name) if marker is None else (*found, marker)


def _view(work: Work, image_id: str, image: Image, name: str, marker: Marker) -> MarkerView:
    frozen = markers.frozen(image, work.get(VERSION, marker.version))
    return marker_view(image_id, name, marker, frozen=frozen)


def _objection_to_move(work: Work, name: str, marker: Marker | None, image: Image) -> Problem | None:
    if marker is None:
        return None
    return markers.objection_to_frozen(image, work.get(VERSION, marker.version), name)


def _objection_to_copies(work: Work, marker: Marker, target: Move) -> Problem | None:
    """Why the pools of a marker could not all go back: a copy is missing somewhere."""
    pods = {
        pod
        for id in marker.bound
        if (assignment := work.get(ASSIGNMENT, id)) is not None
        for pod in staying(assignment)
    }
    missing = sorted(pod for pod in pods if not pools.stands(work, target.version, pod))
    if not missing:
        return None
    return Problem(
        code="marker_target_unavailable",
        detail=f"version {target.number} has no available copy on {', '.join(missing[:8])}",
        hint="Publish it to these pods first, or move the marker: pools then wait for their copies.",
        data={"number": target.number, "pod": missing[0], "pods": ",".join(missing[:64])},
    )
