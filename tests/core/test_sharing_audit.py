"""The audit log of sharing: who changed who is who, and who was given what (features.md I5)."""

from pathlib import Path
from typing import Any

import pytest

from contracts.audit import Tip, verify
from contracts.events import Speaker
from contracts.requests import DropUser, ListSharingAudit, SetGrant, ShareGallery
from core.directory_world import ADA, AUDITOR, EVE, JO, OPERATOR, Directory, refused
from core.sharing_world import BASE, World
from runtime.audited import INSERT, audited
from sharing import documents as of_sharing
from sharing.directory import documents as of_directory
from sharing.watched import WATCHED


@pytest.fixture
def world() -> Directory:
    world = Directory(log=True)
    world.unit("corp")
    world.account("trade", "corp")
    world.tenant("acme", "trade")
    world.user("jo", "publisher")
    world.user("eve", "owner", actor=EVE)
    return world


def log(world: Directory, path: Path, actor: Any = AUDITOR, **asked: Any) -> Any:
    return world.look(ListSharingAudit(actor=actor, **asked), path=path)[0]


def test_i5_every_change_of_who_is_who_is_on_the_chain_with_its_actor(world: Directory, tmp_path: Path) -> None:
    page = log(world, tmp_path)
    assert verify(page.items) == Tip(sequence=page.sequence, hash=page.head)
    told = [(one.tenant, one.actor, one.action, one.about) for one in page.items]
    assert told == [
        ("default", "root", "set_unit", "corp"),
        ("default", "root", "set_account", "trade"),
        ("acme", "default/root", "set_tenant", "acme"),
        ("acme", "ada", "set_user", "acme/jo"),
        ("beta", "eve", "set_user", "beta"),
        ("beta", "eve", "set_user", "beta/eve"),
    ]
    world.user("jo", "reader")
    (change,) = log(world, tmp_path, sort="-sequence", limit=1).items
    assert (change.before["roles"], change.after["roles"]) == (["publisher"], ["reader"])


def test_i5_a_token_is_told_by_its_id_and_never_by_its_digest(world: Directory, tmp_path: Path) -> None:
    _, view = world.token()
    world.revoke(view.id, ADA)
    _, second = world.token()
    world.do(DropUser, ADA, name="jo")
    page = log(world, tmp_path)
    assert [(one.actor, one.action) for one in page.items if one.about == view.id] == [
        ("jo", "create_token"),
        ("ada", "revoke_token"),
        ("ada", "drop_user"),
    ]
    assert [one.action for one in page.items if one.about == second.id] == ["create_token", "drop_user"]
    digests = [key.digest for ring in world.all(of_directory.KEYRING).values() for key in ring.held.values()]
    digests += [id for _, id in world.documents if len(id) == 64]
    assert not any(digest in str(page) for digest in digests)
    assert "digest" not in str(page)


def test_i5_a_refusal_leaves_no_entry(world: Directory, tmp_path: Path) -> None:
    before = log(world, tmp_path)
    refused(world.unit("none/of/them"), "unit_not_found")
    refused(world.user("x", "operator"), "roles_exceeded")
    refused(world.token(JO, "owner")[1], "roles_exceeded")
    assert log(world, tmp_path) == before


def test_f14_a_tenant_sees_its_own_entries_of_the_log(world: Directory, tmp_path: Path) -> None:
    own = log(world, tmp_path, ADA)
    assert {one.tenant for one in own.items} == {"acme"}
    assert (own.sequence, own.head) == (0, "")
    assert len(own.items) == 2
    assert log(world, tmp_path, OPERATOR, about="acme/jo").items == own.items[1:]
    assert log(world, tmp_path, EVE, about="acme/jo").items == ()
    assert log(world, tmp_path, actor_name="ada").items == own.items[1:]


@pytest.mark.parametrize("sort", ["sequence", "-sequence"])
def test_the_log_of_sharing_comes_whole_in_pages(world: Directory, tmp_path: Path, sort: str) -> None:
    found: list[int] = []
    cursor = None
    while not found or cursor is not None:
        page = log(world, tmp_path, sort=sort, limit=4, cursor=cursor)
        found, cursor = found + [one.sequence for one in page.items], page.next
    assert found == (list(range(1, 7)) if sort == "sequence" else list(range(6, 0, -1)))
    for foreign in ("eA==", "LTE=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="):
        refused(log(world, tmp_path, cursor=foreign), "bad_request")


def test_i5_offers_answers_and_grants_are_told_to_the_tenant_that_they_are_of() -> None:
    world = World()
    world.reactions = audited(world.reactions, WATCHED, Speaker.SHARING)
    world.offer("beta")
    world.accept()
    world.suspend()
    world.command(SetGrant, image=BASE, principal="user:beta/jo", roles=("reader",))
    world.command(SetGrant, image=BASE, number="1.0.0", principal="user:beta/jo", roles=("publisher",))
    world.command(SetGrant, gallery="lab", principal="user:beta/jo", roles=("reader",))
    world.command(ShareGallery, gallery="lab", sharing="groups", members=("gamma",))
    world.revoke("beta")
    rows = [row for statement, row in world.writes if statement == INSERT]
    assert [(tenant, actor, action) for _, _, tenant, actor, action, *_ in rows] == [
        ("acme", "someone", "offer"),
        ("beta", "someone", "answer"),
        ("acme", "someone", "suspend"),
        ("acme", "someone", "set_grant"),
        ("acme", "someone", "set_grant"),
        ("acme", "someone", "set_grant"),
        ("acme", "someone", "share_gallery"),
        ("acme", "someone", "revoke"),
    ]
    assert [row[5] for row in rows[:4]] == [BASE] * 4
    assert "user:beta/jo" in rows[3][8]


def test_every_kind_that_sharing_watches_is_one_that_it_keeps() -> None:
    from runtime.work import Kind

    found = [*vars(of_sharing).values(), *vars(of_directory).values()]
    kinds = {one.name for one in found if isinstance(one, Kind)}
    assert set(WATCHED) <= kinds
