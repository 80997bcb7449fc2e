"""What others may do with a tenant's images: offers, roles, shared galleries, pods of one's own (features.md E)."""

from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest

from catalog.documents import ASSIGNMENT, IMAGE
from contracts.definition import Deprecation, Details, Feature, PurchasePlan
from contracts.desktops import DataDisk
from contracts.errors import Problem
from contracts.events.hub import ImageRegistered, ShareRevoked, VersionPublishRequested
from contracts.requests import (
    Accepted,
    Actor,
    CancelPublish,
    Command,
    CreateGallery,
    DeleteImage,
    DeleteVersion,
    DropGallery,
    DropMarker,
    EditGallery,
    EditImage,
    EditTags,
    EditVersion,
    ImportVersion,
    MoveMarker,
    Origin,
    PublishVersion,
    RecordValidation,
    RegisterImage,
    RestoreVersion,
    RollbackMarker,
    SetDataAccess,
    SetDeprecation,
    SetEnabled,
    SetProtection,
    SteerRollout,
    UnpublishVersion,
)
from contracts.rights import NEEDS
from contracts.views import AssignmentView, ImageView
from core.catalog_world import ADA, SOURCE, manifest, refused
from core.pools_world import asked
from core.shared_world import BOB, GIL, Shared
from runtime import access

OF_IMAGES: dict[type[Command], dict[str, Any]] = {
    ImportVersion: {"source": SOURCE},
    PublishVersion: {"number": "1.0.0"},
    UnpublishVersion: {"number": "1.0.0"},
    CancelPublish: {"number": "1.0.0"},
    EditImage: {"changes": {"description": "mine now"}},
    EditTags: {"set": {"a": "b"}},
    EditVersion: {"number": "1.0.0", "changes": {"description": "mine now"}},
    RecordValidation: {"number": "1.0.0", "kind": "boot", "status": "Succeeded"},
    RestoreVersion: {"number": "1.0.0"},
    SetEnabled: {"number": None, "enabled": False},
    SetDataAccess: {"number": "1.0.0", "active": False},
    SetProtection: {"number": None, "protected": True},
    SetDeprecation: {"number": None, "state": "DEPRECATED"},
    DeleteVersion: {"number": "1.0.0"},
    DeleteImage: {},
    MoveMarker: {"marker": "prod", "number": "1.0.0"},
    RollbackMarker: {"marker": "prod"},
    SteerRollout: {"marker": "prod", "verb": "halt"},
    DropMarker: {"marker": "prod"},
}
"""Every command about an image, as its owner might give it."""


@pytest.fixture
def world() -> Shared:
    """acme's image base with a version on all pods, which the marker prod names."""
    world = Shared()
    world.published()
    world.move()
    return world


def give(world: Shared, kind: type[Command], actor: Actor, image: str) -> Any:
    fields = {name: value for name, value in OF_IMAGES[kind].items() if not (value is None and name == "number")}
    return world.ask(kind(id=world.command_id(), actor=actor, image=image, **fields))


def test_every_command_about_an_image_is_in_the_table_of_these_tests() -> None:
    scoped = {kind for kind, (_, scope) in NEEDS.items() if scope == "image" and issubclass(kind, Command)}
    assert {kind for kind in scoped if kind.subject().startswith("command.catalog.")} == set(OF_IMAGES)
    assert get_args(Deprecation)


@pytest.mark.parametrize("kind", OF_IMAGES, ids=lambda kind: kind.__name__)
def test_e5_a_stranger_cannot_tell_an_image_of_another_tenant_from_none_at_all(
    world: Shared, kind: type[Command]
) -> None:
    nothing, image = "e" * 32, world.id_of()
    before = dict(world.documents)
    there, absent = give(world, kind, GIL, image), give(world, kind, GIL, nothing)
    assert isinstance(absent, Problem)
    assert absent.code == "image_not_found"
    assert msgspec.json.encode(there) == msgspec.json.encode(absent).replace(nothing.encode(), image.encode())
    assert world.documents == before


@pytest.mark.parametrize("kind", OF_IMAGES, ids=lambda kind: kind.__name__)
def test_e1_a_member_may_read_and_change_nothing(world: Shared, kind: type[Command]) -> None:
    world.offer()
    world.accept()
    assert refused(give(world, kind, BOB, world.id_of()), "forbidden").data["needs"] == NEEDS[kind][0]


@pytest.mark.parametrize("kind", OF_IMAGES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("scope", ["gallery", "image"])
def test_e7_a_role_opens_what_it_is_for(world: Shared, kind: type[Command], scope: str) -> None:
    world.grant(scope, "user:beta/bob", "publisher")
    answer = give(world, kind, BOB, world.id_of())
    if NEEDS[kind][0] == "publish":
        assert not isinstance(answer, Problem) or answer.code not in ("forbidden", "image_not_found"), answer
    else:
        refused(answer, "forbidden")


def test_e7_a_role_on_one_version_opens_that_one_alone(world: Shared) -> None:
    second = world.published()
    world.grant("version", "user:beta/bob", "publisher", version=second.version)
    image = world.id_of()
    unpublish = UnpublishVersion(id=world.command_id(), actor=BOB, image=image, number="1.0.0")
    refused(world.ask(unpublish), "image_not_found")
    unpublish = UnpublishVersion(id=world.command_id(), actor=BOB, image=image, number=second.number)
    assert isinstance(world.ask(unpublish), Accepted)
    refused(give(world, EditImage, BOB, image), "image_not_found")


def test_a_reader_of_the_own_tenant_reads_and_no_more(world: Shared) -> None:
    reader = Actor(tenant="acme", name="rea", roles=("reader",))
    refused(give(world, EditImage, reader, "base"), "forbidden")
    refused(give(world, DeleteImage, Actor(tenant="acme", name="pub", roles=("publisher",)), "base"), "forbidden")
    world.grant("image", "user:acme/rea", "publisher")
    granted = msgspec.structs.replace(reader, principals=("acme", "user:acme/rea"))
    assert isinstance(give(world, EditImage, granted, "base"), ImageView)


# --- galleries --------------------------------------------------------------------------------------------------------


def test_e7_a_publisher_registers_images_in_the_gallery_of_another_tenant_to_which_they_belong(world: Shared) -> None:
    gallery = world.gallery_id()
    command = RegisterImage(id=world.command_id(), actor=BOB, gallery=gallery, name="guest")
    refused(world.ask(command), "gallery_not_found")
    world.grant("gallery", "user:beta/bob", "reader")
    refused(world.ask(msgspec.structs.replace(command, id=world.command_id())), "forbidden")
    world.grant("gallery", "user:beta/bob", "publisher")
    view = world.ask(msgspec.structs.replace(command, id=world.command_id()))
    assert isinstance(view, ImageView), view
    assert (view.tenant, view.gallery) == ("acme", "default")
    assert world.id_of("guest") == view.id
    made = world.import_(f"{gallery}/other", actor=BOB)
    assert isinstance(made, Accepted), made
    assert world.version(made.version).tenant == "acme"
    assert world.job(made.job).tenant == "beta", "who asked for it follows it"
    again = world.import_(f"{gallery}/guest", actor=BOB)
    assert isinstance(again, Accepted), again
    assert again.image == view.id


def test_e7_a_gallery_is_changed_by_who_has_a_role_for_it_and_is_not_there_for_others(world: Shared) -> None:
    gallery = world.gallery_id()

    def edit(actor: Actor) -> Any:
        changes = {"description": "ours"}
        return world.ask(EditGallery(id=world.command_id(), actor=actor, gallery=gallery, changes=changes))

    refused(edit(BOB), "gallery_not_found")
    world.share_gallery("groups", "account:bees")
    refused(edit(BOB), "forbidden")
    world.grant("gallery", "user:beta/bob", "owner")
    assert edit(BOB).description == "ours"
    refused(edit(GIL), "gallery_not_found")


def test_e7_nothing_that_was_said_of_a_gallery_holds_for_a_later_one_of_its_name() -> None:
    world = Shared()
    world.ask(CreateGallery(id=world.command_id(), actor=ADA, name="lab"))
    world.share_gallery("community", gallery="lab")
    world.ask(DropGallery(id=world.command_id(), actor=ADA, gallery="lab"))
    view = world.register(gallery="lab")
    refused(give(world, EditImage, GIL, view.id), "image_not_found")


def test_h3_images_for_private_galleries_are_told_as_such_and_do_not_come_into_public_ones() -> None:
    world = Shared()
    only = Details(features=(Feature(name="SecurityType", value="TrustedLaunch"),))
    world.register("locked", details=only, generation="V2")
    world.register("paid", details=Details(purchase_plan=PurchasePlan(name="a", publisher="b", product="c")))
    told = {event.name: event for event in world.events() if isinstance(event, ImageRegistered)}
    assert (told["locked"].private_only, told["locked"].market) == ("TrustedLaunch", False)
    assert (told["paid"].private_only, told["paid"].market) == ("", True)
    world.share_gallery("community")
    refused(world.register("more", details=only, generation="V2"), "not_shareable")
    world.register("open", generation="V2")
    changes = {
        "details": {"features": [{"name": "SecurityType", "value": "TrustedLaunch"}], "allow_update_image": True}
    }
    edit = EditImage(id=world.command_id(), actor=ADA, image="open", changes=changes)
    refused(world.ask(edit), "not_shareable")


@pytest.mark.parametrize("sharing", ["groups", "community"])
def test_e6_an_image_with_a_purchase_plan_does_not_come_into_a_gallery_that_is_shared(sharing: str) -> None:
    world = Shared()
    world.register("first")
    world.share_gallery(sharing, *(["beta"] if sharing == "groups" else []))
    paid = Details(purchase_plan=PurchasePlan(name="a", publisher="b", product="c"))
    refused(world.register("paid", details=paid), "not_shareable_market")
    world.share_gallery("private")
    assert isinstance(world.register("paid", details=paid), ImageView)


# --- use --------------------------------------------------------------------------------------------------------------


def test_e10_a_member_makes_an_image_of_its_own_from_a_shared_one_which_then_stands_alone(world: Shared) -> None:
    origin = Origin(image=world.id_of(), number="1.0.0")
    refused(world.import_("mine", actor=BOB, source=None, origin=origin), "image_not_found")
    world.offer()
    made = world.import_("mine", actor=BOB, source=None, origin=origin)
    assert isinstance(made, Accepted), made
    assert world.version(made.version).tenant == "beta"
    world.started(made.version)
    world.prepared(made.version, of=manifest(source=world.version(made.version).source))
    world.revoke()
    assert world.state(made.version) == "DEPLOYMENT_DONE"
    assert isinstance(world.publish("mine", actor=BOB), Accepted)
    refused(world.import_("mine", actor=BOB, source=None, origin=origin), "image_not_found")


def used(world: Shared) -> str:
    """The id of an assignment of beta's that uses the shared image."""
    world.offer("org:corp")
    made = world.assign(image=world.id_of(), actor=BOB)
    assert isinstance(made, AssignmentView), made
    world.synced(made.id)
    return made.id


def test_e1_a_member_makes_desktops_before_it_accepts_and_a_stranger_none(world: Shared) -> None:
    refused(world.assign(image=world.id_of(), actor=BOB), "image_not_found")
    assert world.assignment(used(world)).tenant == "beta"
    refused(world.assign("more", image=world.id_of(), actor=GIL), "image_not_found")


ANEW: dict[str, Callable[[Shared], Any]] = {
    "rebuild": lambda world: world.rebuild(actor=BOB),
    "duplicate": lambda world: world.duplicate("twin", actor=BOB),
    "more seats": lambda world: world.edit(actor=BOB, seats=4),
    "another pod": lambda world: world.edit(actor=BOB, pods=["pod-1", "pod-2", "pod-3"]),
    "another number": lambda world: world.edit(actor=BOB, number="1.0.0"),
    "a data disk": lambda world: world.add_disk(DataDisk(lun=5, size_gib=1), actor=BOB),
    "switch to it": lambda world: world.switch(world.id_of(), actor=BOB, number="1.0.0"),
}


@pytest.mark.parametrize("taken", ["revoked", "suspended", "moved"])
@pytest.mark.parametrize("verb", ANEW)
def test_e5_after_the_removal_nothing_new_is_made_and_what_runs_runs_on(world: Shared, verb: str, taken: str) -> None:
    id = used(world)
    actor = BOB
    match taken:
        case "revoked":
            world.revoke("org:corp")
        case "suspended":
            world.suspend()
        case "moved":  # into another organisation
            actor = msgspec.structs.replace(BOB, principals=("beta",))
    before = world.pool(id, "pod-1")
    assert before.state == "IN_SYNC"
    asks = ANEW[verb]
    moved = Shared.ask

    def as_he_is(self: Shared, command: Any) -> Any:
        return moved(self, msgspec.structs.replace(command, actor=actor))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shared, "ask", as_he_is)
        refused(asks(world), "share_revoked")
    refused(world.assign("new", image=world.id_of(), actor=actor), "image_not_found")
    assert world.pool(id, "pod-1") == before
    assert world.all(ASSIGNMENT).keys() == {id}


def test_e5_less_of_what_was_taken_back_can_still_be_made_and_it_can_be_deleted(world: Shared) -> None:
    id = used(world)
    assert isinstance(world.edit(actor=BOB, seats=3), AssignmentView)
    world.synced(id)
    world.revoke("org:corp")
    assert isinstance(world.edit(actor=BOB, seats=1), AssignmentView)
    assert isinstance(world.drop(actor=BOB), AssignmentView)


def test_e5_a_marker_that_its_owner_moves_reaches_only_those_who_still_have_the_image(world: Shared) -> None:
    id = used(world)
    second = world.published()
    world.suspend()
    assert asked(world.emitted[-1:]) == []
    world.move(number=second.number)
    assert world.assignment(id).number == "1.0.0"
    world.resume()
    assert world.assignment(id).number == second.number, "what it missed meanwhile"
    assert world.pool(id, "pod-1").wanted == second.version


def test_e4_a_marker_reaches_no_tenant_that_left_the_organisation_though_nobody_of_it_asks(world: Shared) -> None:
    id = used(world)
    world.belongs("beta", "bees", "corp/eu")
    second = world.published()
    world.move(number=second.number)
    assert world.assignment(id).number == second.number, "it is in the organisation"
    world.belongs("beta")
    third = world.published()
    world.move(number=third.number)
    assert world.assignment(id).number == second.number
    assert world.pool(id, "pod-1").wanted == second.version


def test_a_pool_that_waits_for_its_copy_when_the_image_is_taken_back_is_not_made(world: Shared) -> None:
    id = used(world)
    second = world.published(pods=("pod-1",))
    world.move(number=second.number)
    assert world.pool(id, "pod-2").waiting, "there is no copy on pod-2 yet"
    world.revoke("org:corp")
    world.published()
    said = world.pass_time(3600)
    assert not [event for event in asked(said) if event.pod == "pod-2" and event.wanted.version == second.version]


def test_f10_who_uses_a_shared_version_keeps_it_from_being_deleted_and_is_not_named(world: Shared) -> None:
    used(world)
    problem = refused(give(world, DeleteVersion, ADA, "base"), "version_in_use")
    assert problem.data["used_by"] == "2 of other tenants"
    assert (problem.data["pods"], problem.data["assignments"]) == ("", 1)


# --- pods -------------------------------------------------------------------------------------------------------------


def test_a_pod_of_others_is_not_there(world: Shared) -> None:
    world.bind_pod("pod-1", "gamma")
    world.offer()
    refused(world.import_("more"), "pod_unknown")
    refused(world.assign("more", pods=("pod-1",)), "pod_unknown")
    assert isinstance(world.assign("more", pods=("pod-2",)), AssignmentView)
    root = Actor(tenant="house", name="root", roles=("operator",))
    assert isinstance(world.import_("provided", actor=root), Accepted), "operators know all pods"
    assert isinstance(world.import_("mine", actor=GIL), Accepted)


def test_a_publish_tells_who_asked_and_in_which_gallery(world: Shared) -> None:
    world.deployed("lab/mine", actor=BOB)
    world.publish("lab/mine", actor=BOB)
    event = [event for event in world.events() if isinstance(event, VersionPublishRequested)][-1]
    assert (event.gallery, event.principals, event.public) == ("lab", BOB.principals, False)


def test_f11_what_is_offered_to_anybody_is_known_of_the_image(world: Shared) -> None:
    world.offer("beta")
    world.offer("org:corp")
    world.accept("beta")
    world.grant("image", "gamma", "reader")
    image = world.get(IMAGE, world.id_of())
    assert image is not None
    assert (image.shared, image.listed) == (("beta", "org:corp"), ("+beta", "@gamma"))
    world.suspend()
    image = world.get(IMAGE, world.id_of())
    assert image is not None
    assert (image.shared, image.listed) == ((), ("@gamma",))


def test_of_an_image_that_is_deleted_nothing_is_kept(world: Shared) -> None:
    world.register("gone")
    world.offer(image="gone")
    id = world.id_of("gone")
    assert access.image_key(id) in world.all(access.ACCESS)
    world.ask(DeleteImage(id=world.command_id(), actor=ADA, image="gone"))
    world.say(ShareRevoked(image=id, member="beta", owner="acme", revision=world.revision), "sharing")
    assert world.all(access.ACCESS) == {}


def test_e2_who_blocked_himself_by_a_rejection_gets_what_he_missed_when_he_accepts(world: Shared) -> None:
    id = used(world)
    second = world.published()
    world.reject(blocks=True)
    world.move(number=second.number)
    assert world.assignment(id).number == "1.0.0"
    refused(world.rebuild(actor=BOB), "share_revoked")
    world.accept()
    assert world.assignment(id).number == second.number
