"""The audit log: every change with its actor, before and after, chained so that nobody changes it later (I5)."""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.audit import INSERT
from catalog.watched import WATCHED
from contracts.audit import Fault, Tip, verify
from contracts.definition import Flavour
from contracts.events.intake import ImageBuilt
from contracts.keeping import Quota, Retention, Rule
from contracts.requests import (
    Accepted,
    Actor,
    CreateGallery,
    DeleteVersion,
    DropGallery,
    EditGallery,
    EditTags,
    EditVersion,
    MoveMarker,
    RegisterImage,
    Ring,
    RunRetention,
    SetEnabled,
    SetFlavour,
    SetQuota,
    SetRetention,
)
from contracts.views import AuditView
from core.catalog_world import ADA, EVE, MIGRATIONS, SOURCE, World, available, copying, failed, planned, refused
from core.pools_world import Pools, seat
from runtime.audited import AUDIT, AUDIT_HEAD
from runtime.store import from_epoch

ROOT_OF_ACME = Actor(tenant="acme", name="root", roles=("operator",))
OPS = Actor(tenant="house", name="olga", roles=("operator",))


def log(world: World) -> list[AuditView]:
    """What was written, as it is read from the store."""
    return [entry(row) for statement, row in world.writes if statement == INSERT]


def entry(row: tuple[Any, ...]) -> AuditView:
    sequence, at, tenant, actor, action, about, command, before, after, previous, hash = row
    return AuditView(
        sequence=sequence,
        at=from_epoch(at),
        tenant=tenant,
        actor=actor,
        action=action,
        about=about,
        command=command,
        before=msgspec.json.decode(before),
        after=msgspec.json.decode(after),
        previous=previous,
        hash=hash,
    )


def tip(world: World) -> Tip:
    return world.get(AUDIT, AUDIT_HEAD) or Tip()


def busy() -> World:
    """A world in which many things were done."""
    world = World()
    world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="lab", quota=Quota(images=3)))
    world.published("lab/base")
    world.ask(EditTags(id=world.command_id(), actor=ADA, image="lab/base", set={"cost": "42"}))
    world.ask(SetEnabled(id=world.command_id(), actor=ADA, image="lab/base", number="1.0.0", enabled=False))
    world.register("other", actor=EVE)
    return world


def test_i5_an_edit_is_written_down_with_its_actor_before_and_after() -> None:
    world = World()
    gallery: Any = world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="lab", description="old"))
    command = EditGallery(id=world.command_id(), actor=ADA, gallery="lab", changes={"description": "new"})
    world.ask(command)
    made, edited = log(world)
    assert (made.action, made.before, made.after["name"]) == ("create_gallery", None, "lab")
    assert (edited.sequence, edited.tenant, edited.actor, edited.action) == (2, "acme", "ada", "edit_gallery")
    assert (edited.about, edited.command, edited.at) == (gallery.id, command.id, world.now)
    assert edited.before == {"description": "old", "revision": 1}
    assert edited.after == {"description": "new", "revision": 2}


def test_i5_a_refused_command_is_no_change() -> None:
    world = World()
    world.register("base")
    before = log(world)
    refused(world.register("base"), "image_exists")
    assert log(world) == before


def test_i5_a_command_that_changed_nothing_is_written_down_all_the_same() -> None:
    world = World()
    world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="lab"))
    world.ask(EditGallery(id=world.command_id(), actor=ADA, gallery="lab", changes={}))
    last = log(world)[-1]
    assert (last.action, last.about, last.before, last.after) == ("edit_gallery", "lab", None, None)


def test_i5_a_command_that_is_repeated_is_written_down_once() -> None:
    world = World()
    command = RegisterImage(id=world.command_id(), actor=ADA, name="base")
    world.ask(command)
    before = log(world)
    world.deliver(world.message(command, "request", id=command.id))
    assert log(world) == before


def test_i5_each_change_of_state_is_written_down_with_who_brought_it_about() -> None:
    world = World()
    version = world.published("base", pods=("pod-1",)).version
    told = [(one.actor, one.action, one.after.get("state")) for one in log(world) if one.about == version]
    assert told == [
        ("ada", "import", "PENDING"),
        ("pod:pod-1", "source.started", "DEPLOYING_VM"),
        ("pod:pod-1", "source.prepared", "DEPLOYMENT_DONE"),
        ("ada", "publish", "PUBLISHING"),
        ("replicator", "copy.planned", "REPLICATING"),
        ("replicator", "copy.available", "AVAILABLE"),
    ]
    states = [one for one in log(world) if one.about == version]
    for earlier, later in itertools.pairwise(states):
        assert later.before["state"] == earlier.after["state"]


def test_i5_what_time_brings_about_is_the_catalogs_own_doing() -> None:
    world = World()
    version = world.import_("base").version
    world.pass_time(30 * 86_400)
    last = [one for one in log(world) if one.about == version][-1]
    assert (last.actor, last.after["state"]) == ("catalog", "FAILED")


def test_i5_a_pipeline_is_named_as_the_one_who_asked() -> None:
    world = World()
    world.say(ImageBuilt(gallery="lab", image="base", source=SOURCE), "intake:jenkins")
    assert {(one.tenant, one.actor, one.action) for one in log(world)} == {("acme", "intake:jenkins", "image.built")}


def test_words_about_copies_that_change_no_state_are_no_audit_matter() -> None:
    world = World()
    accepted = world.deployed()
    world.publish()
    for n in (1, 2, 3):
        world.copy(planned(accepted.version, f"pod-{n}", wanted=3))
    before = log(world)
    writes = len(world.writes)
    world.copy(copying(accepted.version, "pod-1"))
    world.copy(available(accepted.version, "pod-1"))
    world.copy(failed(accepted.version, "pod-2"))
    assert log(world) == before
    assert [row for row in world.writes[writes:] if "audit" in row[0]] == []
    world.copy(available(accepted.version, "pod-3"))
    assert [one.after["state"] for one in log(world)[len(before) :]] == ["PARTIALLY_AVAILABLE"]


def test_i5_marks_markers_tags_policies_flavours_and_quotas_are_written_down() -> None:
    world = World()
    accepted = world.published("base")
    start = len(log(world))
    commands = [
        SetEnabled(id=world.command_id(), actor=ADA, image="base", number="1.0.0", enabled=False),
        SetEnabled(id=world.command_id(), actor=ADA, image="base", number="1.0.0", enabled=True),
        EditTags(id=world.command_id(), actor=ADA, image="base", set={"cost": "42"}),
        EditVersion(
            id=world.command_id(), actor=ADA, image="base", number="1.0.0", changes={"release_notes": "better"}
        ),
        SetFlavour(id=world.command_id(), actor=ADA, flavour=Flavour(name="thin", models=("T1",))),
        SetRetention(
            id=world.command_id(),
            actor=ADA,
            retention=Retention(name="tidy", action="DISABLE", rule=Rule(by="COUNT", value=3)),
        ),
        SetQuota(id=world.command_id(), actor=OPS, tenant="acme", quota=Quota(images=7)),
    ]
    for command in commands:
        world.ask(command)
    entries = log(world)[start:]
    assert [one.command for one in entries] == [command.id for command in commands]
    disabled, enabled, tagged, noted, flavoured, kept, quota = entries
    assert (disabled.about, disabled.before["life"]["disabled"], disabled.after["life"]["disabled"]) == (
        accepted.version,
        False,
        True,
    )
    assert enabled.after["life"] == disabled.before["life"]
    assert (tagged.about, tagged.before["tags"], tagged.after["tags"]) == (accepted.image, {}, {"cost": "42"})
    assert (noted.before["release_notes"], noted.after["release_notes"]) == ("", "better")
    assert flavoured.after["flavour"]["models"] == ["T1"]
    assert kept.after["by"]["tidy"]["retention"]["action"] == "DISABLE"
    assert (quota.tenant, quota.actor, quota.after["quota"]["images"]) == ("acme", "house/olga", 7)


def test_i5_a_marker_that_moves_is_written_down() -> None:
    world = World()
    first, second = world.published("base"), world.published("base")
    for number in ("1.0.0", "1.1.0"):
        world.ask(MoveMarker(id=world.command_id(), actor=ADA, image="base", marker="prod", number=number))
    moved = [one for one in log(world) if one.action == "move_marker"]
    assert [one.about for one in moved] == [first.image] * 2
    assert moved[-1].tenant == "acme"
    assert moved[-1].before == {"markers": {"prod": {"version": first.version, "number": "1.0.0"}}}
    assert moved[-1].after == {"markers": {"prod": {"version": second.version, "number": "1.1.0"}}}


def test_i5_a_staged_move_is_written_down_as_it_is_steered_and_goes_on() -> None:
    world = Pools()
    _, desks = world.ready()
    world.published("base", pods=("pod-1", "pod-2"))
    start = len(log(world))
    world.move(number="1.1.0", rings=(Ring(pods=("pod-1",)), Ring(pods=("pod-2",))))
    world.steer("halt")
    world.steer("resume")
    world.report(desks, "pod-1")
    world.pass_time(1)
    told = [(one.actor, one.after["markers"]["prod"]) for one in log(world)[start:] if "markers" in (one.after or {})]
    assert told[0] == ("ada", told[0][1] | {"number": "1.1.0"})
    assert told[0][1]["rollout"] == {"number": "1.1.0", "state": "RUNNING", "ring": 0}
    assert [(actor, after["rollout"]) for actor, after in told[1:3]] == [
        ("ada", {"state": "HALTED"}),
        ("ada", {"state": "RUNNING"}),
    ]
    assert told[3][1] == {"rollout": {"ring": 1}}
    assert told[3][0] != "ada", "nobody asked for that"
    assert {one.tenant for one in log(world)} == {"acme"}


def test_i5_an_assignment_is_written_down_and_its_users_are_not() -> None:
    world = Pools()
    world.published("base", pods=("pod-1",))
    world.move()
    start = len(log(world))
    view = world.assign(pods=("pod-1",))
    world.report(view.id, "pod-1")
    made, settled = log(world)[start:]
    assert (made.action, made.about, made.after["name"]) == ("create_assignment", view.id, "desks")
    assert (settled.actor, settled.before["state"], settled.after["state"]) == ("pod:pod-1", "PENDING", "IN_SYNC")
    world.report(view.id, "pod-1", seats=(seat("desk-1", world.assignment(view.id).version, user="bob"),))
    assert log(world)[start:] == [made, settled]


def test_f10_a_deletion_by_force_is_written_down_as_such() -> None:
    world = Pools()
    world.published("base", pods=("pod-1",))
    world.assign(pods=("pod-1",), number="1.0.0", marker=None)
    forced = DeleteVersion(id=world.command_id(), actor=ROOT_OF_ACME, image="base", number="1.0.0", force=True)
    assert isinstance(world.ask(forced), Accepted)
    entries = [one for one in log(world) if one.command == forced.id]
    assert [(one.actor, one.action) for one in entries] == [("root", "delete_version:force")]
    assert entries[0].after["life"]["removal"]["stage"] == "DELETING"


def test_i5_what_a_retention_policy_takes_is_written_down() -> None:
    world = World()
    first = world.published("base")
    world.published("base")
    world.pass_time(1)
    tidy = Retention(name="tidy", action="DISABLE", rule=Rule(by="COUNT", value=1))
    world.ask(SetRetention(id=world.command_id(), actor=ADA, retention=tidy))
    world.ask(RunRetention(id=world.command_id(), actor=ADA, name="tidy"))
    world.pass_time(1)
    asked, taken = log(world)[-2:]
    assert (asked.action, asked.about) == ("run_retention", "tidy")
    assert (taken.actor, taken.action, taken.about) == ("retention:tidy", "retention.review", first.version)
    assert taken.after["life"]["disabled"] is True


def test_i5_a_thing_that_is_gone_has_only_a_before() -> None:
    world = World()
    gallery: Any = world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="lab"))
    world.ask(DropGallery(id=world.command_id(), actor=ADA, gallery="lab"))
    last = log(world)[-1]
    assert (last.about, last.before["name"], last.after) == (gallery.id, "lab", None)


def test_i5_a_crash_leaves_neither_the_change_nor_its_entry() -> None:
    world = World()
    world.register("base")
    before, head = log(world), tip(world)
    command = EditTags(id=world.command_id(), actor=ADA, image="base", set={"a": "b"})
    world.deliver(world.message(command, "request", id=command.id), crash=True)
    assert (log(world), tip(world)) == (before, head)
    world.ask(command)
    assert verify(log(world)) == tip(world)


def test_i5_the_log_verifies_as_it_was_written() -> None:
    world = busy()
    entries = log(world)
    assert len(entries) > 10
    assert [one.sequence for one in entries] == list(range(1, len(entries) + 1))
    assert verify(entries, until=tip(world)) == tip(world)
    middle = Tip(sequence=5, hash=entries[4].hash)
    assert verify(entries[5:], since=middle, until=tip(world)) == tip(world)


def test_i5_the_log_verifies_as_a_client_gets_it() -> None:
    entries = log(busy())
    again = msgspec.json.decode(msgspec.json.encode(entries), type=list[AuditView])
    assert isinstance(verify(again), Tip)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "eve"),
        ("tenant", "evil"),
        ("action", "nothing"),
        ("about", "other"),
        ("command", "other"),
        ("before", {"state": "other"}),
        ("after", None),
        ("at", from_epoch(0)),
    ],
)
def test_i5_an_entry_that_was_changed_is_found(field: str, value: Any) -> None:
    entries = log(busy())
    entries[4] = msgspec.structs.replace(entries[4], **{field: value})
    assert verify(entries) == Fault(sequence=5, what="content")


def test_i5_an_entry_that_was_left_out_put_in_or_moved_is_found() -> None:
    entries = log(busy())
    assert verify(entries[:3] + entries[4:]) == Fault(sequence=5, what="missing")
    assert verify([*entries[:3], entries[2], *entries[3:]]) == Fault(sequence=3, what="order")
    assert verify([entries[1], entries[0], *entries[2:]]) == Fault(sequence=2, what="missing")
    renumbered = [msgspec.structs.replace(one, sequence=n) for n, one in enumerate(entries[:3] + entries[4:], 1)]
    assert verify(renumbered) == Fault(sequence=4, what="chain")


def test_i5_an_end_that_was_cut_off_is_found_by_whoever_knows_a_later_entry() -> None:
    world = busy()
    entries = log(world)
    assert isinstance(verify(entries[:-2]), Tip)
    assert verify(entries[:-2], until=tip(world)) == Fault(sequence=tip(world).sequence, what="missing")
    assert verify([], until=tip(world)) == Fault(sequence=tip(world).sequence, what="missing")


def test_i5_a_log_that_was_written_anew_is_found_by_whoever_knows_an_entry_of_it() -> None:
    world, other = busy(), World()
    other.register("something-else")
    known = Tip(sequence=1, hash=log(world)[0].hash)
    assert verify(log(other), until=known) == Fault(sequence=1, what="content")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(contents=st.lists(st.tuples(values, values), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_i5_the_seal_holds_whatever_json_is_under_it(contents: list[tuple[Any, Any]]) -> None:
    from contracts.audit import seal

    entries: list[AuditView] = []
    previous = ""
    for n, (before, after) in enumerate(contents, 1):
        said: dict[str, Any] = {
            "sequence": n,
            "at": from_epoch(1_700_000_000.123456),
            "tenant": "acme",
            "actor": "ada",
            "action": "edit",
            "about": "x",
            "command": "c",
            "before": before,
            "after": after,
        }
        hash = seal(previous, **said)
        entries.append(AuditView(**said, previous=previous, hash=hash))
        previous = hash
    again = msgspec.json.decode(msgspec.json.encode(entries), type=list[AuditView])
    assert verify(again) == Tip(sequence=len(entries), hash=previous)


def test_every_kind_that_is_watched_is_a_kind_of_document() -> None:
    from catalog import documents
    from runtime.work import Kind

    kinds = {value.name for value in vars(documents).values() if isinstance(value, Kind)}
    assert set(WATCHED) <= kinds


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    from runtime import migrations

    migrations.apply(tmp_path / "catalog.db", MIGRATIONS)
    connection = sqlite3.connect(tmp_path / "catalog.db")
    yield connection
    connection.close()


def test_i5_the_store_takes_the_entries_and_gives_them_back_as_they_were(database: sqlite3.Connection) -> None:
    world = busy()
    database.executemany(INSERT, [row for statement, row in world.writes if statement == INSERT])
    columns = "sequence, at, tenant, actor, action, about, command, before, after, previous, hash"
    rows = database.execute(f"SELECT {columns} FROM audit ORDER BY sequence").fetchall()
    assert verify([entry(row) for row in rows], until=tip(world)) == tip(world)
