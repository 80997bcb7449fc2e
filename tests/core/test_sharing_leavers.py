"""Whoever has a name later inherits nothing: users, accounts and units go with what was shared with them by name."""

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.events.hub import GalleryDeleted, ImageDeleted, RolesGranted, VersionDeleted
from contracts.requests import (
    Done,
    DropAccount,
    DropGrant,
    DropUnit,
    DropUser,
    SetAccount,
    SetGrant,
    SetUnit,
    SetUser,
    ShareGallery,
)
from core.sharing_world import BASE, LAB, SETTINGS, TOOLS, World, actor, codes, registered, version_id, words
from runtime import access, migrations
from sharing import leavers
from sharing.definition import MIGRATIONS, definition
from sharing.documents import GALLERY, GRANTS, HELD, IMAGE, OFFER
from sharing.domain.held import Held
from sharing.domain.image import Image
from sharing.domain.offer import Standing
from sharing.settings import SharingSettings

OPERATOR = actor("default", "operator")
OWNER = actor("beta", "owner")
JO = "user:beta/jo"


def world(**more: Any) -> World:
    """With the directory, and its audit log."""
    made = World(log=True, **more)
    made.command(SetUser, OWNER, name="jo", roles=("reader",))
    return made


def grant(made: World, principal: str = JO, **target: Any) -> Any:
    return made.command(SetGrant, principal=principal, roles=("reader",), **(target or {"image": BASE}))


def told(made: World) -> set[tuple[str, str, tuple[str, ...]]]:
    """What was said last about each grant."""
    said = [one for one in made.events() if isinstance(one, RolesGranted)]
    return {(key[0], key[1], roles) for key, roles in {(one.scope, one.principal): one.roles for one in said}.items()}


def agrees(made: World) -> None:
    """What is kept by principal is what the offers, galleries and grants tell."""
    given = [offer.member for offer in made.all(OFFER).values() if isinstance(offer, Standing)]
    given += [member for gallery in made.all(GALLERY).values() for member in gallery.members]
    on = [(principal, key) for key, grants in made.all(GRANTS).items() for principal in grants.by]
    given += [principal for principal, _ in on]
    held = made.all(HELD)
    counted = {one: count for one, count in Counter(given).items() if one.startswith(("account:", "org:"))}
    assert {one: known.count for one, known in held.items() if known.count} == counted
    listed = {(one, key) for one, key in on if one.startswith(("user:", "service:"))}
    assert {(one, key) for one, known in held.items() for key in known.on} == listed


def test_e7_the_roles_of_a_user_who_is_dropped_end_and_a_namesake_has_none() -> None:
    made = world()
    for target in ({"image": BASE}, {"image": BASE, "number": "1.0.0"}, {"gallery": "lab"}):
        assert grant(made, **target).principal == JO
    agrees(made)
    jo = actor("beta", "reader", more=(JO,))
    assert access.rights(made.get, jo, tenant="acme", image=BASE, gallery="lab")
    assert made.command(DropUser, OWNER, name="jo") == Done()
    assert told(made) == {(scope, JO, ()) for scope in ("image", "version", "gallery")}
    assert made.all(HELD) == {}
    agrees(made)
    made.command(SetUser, OWNER, name="jo", roles=("reader",))
    assert access.rights(made.get, jo, tenant="acme", image=BASE, gallery="lab") == frozenset()
    assert grant(made).roles == ("reader",), "and may be granted roles anew"


def test_e7_a_user_and_a_service_account_of_one_name_are_two() -> None:
    made = world()
    grant(made, "service:beta/jo")
    made.command(DropUser, OWNER, name="jo")
    assert made.get(HELD, "service:beta/jo") == Held(on={f"i/{BASE}": False})
    made.ask(SetUser(id="f" * 32, actor=OWNER, name="jo", kind="service"))
    made.command(DropUser, OWNER, name="jo")
    assert made.all(HELD) == {}


def test_e7_many_roles_end_by_steps_and_the_name_is_free_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leavers, "STEP", 2)
    made = world()
    images = [f"{number:032x}" for number in range(10, 15)]
    for number, image in enumerate(images):
        made.catalog(registered(image, f"i{number}"))
        grant(made, image=image)
    made.reminders.clear()
    due: list[Any] = []
    made.command(DropUser, OWNER, name="jo")
    assert made.all(GRANTS)[f"i/{images[0]}"].by == {}
    due += made.reminders.values()
    made.reminders.clear()  # the steps are not done yet
    refusal = made.command(SetUser, OWNER, name="jo", roles=("owner",))
    assert (refusal.code, refusal.data) == ("user_ending", {"grants": 3})
    assert grant(made, image=images[4]).roles == ("reader",), "said again after it was dropped: that is another one"
    made.say(due[0].body, "self")
    assert [len(grants.by) for grants in map(made.all(GRANTS).__getitem__, (f"i/{one}" for one in images))] == [
        *(0, 0, 0, 0, 1)
    ]
    agrees(made)
    assert made.reminders == {}
    assert made.command(SetUser, OWNER, name="jo").name == "jo"


def test_e4_an_account_or_a_unit_stays_as_long_as_something_is_shared_with_it() -> None:
    made = world()
    made.command(SetUnit, OPERATOR, path="corp")
    made.command(SetAccount, OPERATOR, name="group")
    made.offer("account:group", "org:corp")
    grant(made, "account:group")
    grant(made, "org:corp", gallery="lab")
    made.command(ShareGallery, gallery="lab", sharing="groups", members=("account:group", "gamma"))
    agrees(made)
    for kind, fields, code, shares in (
        (DropAccount, {"name": "group"}, "account_not_empty", 3),
        (DropUnit, {"path": "corp"}, "unit_not_empty", 2),
    ):
        refusal = made.command(kind, OPERATOR, **fields)
        assert (refusal.code, refusal.data) == (code, {"shares": shares})
    made.revoke("account:group", "org:corp")
    made.command(DropGrant, principal="account:group", image=BASE)
    made.command(DropGrant, principal="org:corp", gallery="lab")
    made.command(ShareGallery, gallery="lab", sharing="private")
    agrees(made)
    assert made.command(DropAccount, OPERATOR, name="group") == Done()
    assert made.command(DropUnit, OPERATOR, path="corp") == Done()
    assert made.all(HELD) == {}


def test_e4_what_ends_by_itself_or_with_its_image_or_gallery_holds_no_account_back() -> None:
    made = world(settings=SharingSettings(data=""))
    made.catalog(registered(TOOLS, "tools"))
    made.offer("account:group", until=made.now.replace(year=2025))
    made.offer("org:corp")
    for principal in (JO, "account:group"):
        for target in ({"image": BASE}, {"image": BASE, "number": "1.0.0"}, {"gallery": "lab"}):
            grant(made, principal, **target)
    made.command(ShareGallery, gallery="lab", sharing="groups", members=("account:group",))
    agrees(made)
    made.pass_time(400 * 86400)
    agrees(made)
    version = version_id(BASE, "1.0.0")
    made.catalog(
        VersionDeleted(version=version, image=BASE, number="1.0.0", tenant="acme", revision=9),
        ImageDeleted(image=BASE, tenant="acme", revision=9),
    )
    agrees(made)
    made.catalog(GalleryDeleted(gallery=LAB, tenant="acme", name="lab", revision=2))
    agrees(made)
    assert made.all(HELD) == {}


def test_what_an_earlier_database_has_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    made = world()
    assert codes(made.offer("account:group", "org:corp", "gamma").items) == ["PENDING"] * 3
    made.revoke("org:corp")
    grant(made)
    grant(made, "account:group", gallery="lab")
    made.command(ShareGallery, gallery="lab", sharing="groups", members=("account:group", "gamma"))
    made.catalog(registered(TOOLS, "tools"))
    unfit = msgspec.structs.replace(made.get(IMAGE, BASE) or Image(owner=""), encrypted=1)  # it was not heeded then
    made.documents[IMAGE.name, BASE] = msgspec.json.encode(unfit)
    path, steps = tmp_path / "sharing.sqlite", tmp_path / "sharing" / "migrations"
    steps.mkdir(parents=True)
    for step in sorted(MIGRATIONS.glob("*.sql"))[:2]:
        (steps / step.name).write_bytes(step.read_bytes())
    migrations.apply(path)
    migrations.apply(path, steps)
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
            [(kind, id, body) for (kind, id), body in made.documents.items() if kind != HELD.name],
        )
    (steps / "0003_held.sql").write_bytes((MIGRATIONS / "0003_held.sql").read_bytes())
    connection.close()
    migrations.apply(path, steps)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT id, body FROM documents WHERE kind = 'held'").fetchall()
    deadlines = connection.execute("SELECT name, due, body FROM deadlines").fetchall()
    connection.close()
    assert [(name, due) for name, due, _ in deadlines] == [(f"encrypted/{BASE}", 0.0)]
    for _ in range(2):
        made.say(msgspec.json.decode(deadlines[0][2], type=definition(SETTINGS).local), "self")
    assert words(made.emitted)[-2:] == ["share.gallery_set", "share.suspended"]
    assert {id: msgspec.json.decode(body, type=Held) for id, body in rows} == made.all(HELD)
    assert made.all(HELD) == {"account:group": Held(count=3), JO: Held(on={f"i/{BASE}": False})}
