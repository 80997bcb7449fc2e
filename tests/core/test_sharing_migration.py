"""A database in which a tenant's row had the offer and the answer in one."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from contracts.events.hub import GalleryCreated
from contracts.requests import GallerySharingView, ListMembers, ListShares, MemberPage, ShareGallery, SharePage
from core.sharing_world import ACME, BASE, BETA, GAMMA, LAB, SETTINGS, TOOLS, World, actor, codes, registered
from runtime import access, migrations
from runtime.store import Store
from sharing.definition import MIGRATIONS, definition
from sharing.queries import QUERIES
from sharing.retelling import Retold
from sharing.settings import SharingSettings

AT = "2024-05-01T10:00:00.5Z"


def before(folder: Path) -> Path:
    """As the version before wrote it: images without names, members with everything."""
    path, steps = folder / "sharing.sqlite", folder / "sharing" / "migrations"
    migrations.apply(path)
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("image", BASE, {"owner": "acme", "ready": True, "members": 3, "deleted": False}),
        ("image", TOOLS, {"owner": "acme", "ready": True, "members": 0, "deleted": False}),
    ]
    for member, state, revision in (("beta", "ACCEPTED", 2), ("delta", "REJECTED", 7), ("eta", "PENDING", 1)):
        rows.append(("member", f"{BASE}/{member}", row(BASE, member, state, revision)))
    rows.append(("member", f"{BASE}/gamma", row(BASE, "gamma", "REVOKED", 4)))
    with sqlite3.connect(path) as connection:
        for kind, id, body in rows:
            connection.execute("INSERT INTO documents VALUES (?, ?, ?)", (kind, id, msgspec.json.encode(body).decode()))
    connection.close()
    shutil.copytree(MIGRATIONS, steps)
    return path


def row(image: str, member: str, state: str, revision: int) -> dict[str, Any]:
    return {"state": state, "image": image, "member": member, "updated": AT, "revision": revision}


async def test_offers_and_answers_of_before_are_kept_and_said_again(tmp_path: Path) -> None:
    path, world = before(tmp_path), World(ready=False, settings=SharingSettings(data=""))
    async with Store.open(path, tmp_path / "sharing" / "migrations") as store:
        world.documents = {
            (kind, id): body.encode()
            for kind, id, body in await store.reader.rows("SELECT kind, id, body FROM documents")
        }
        deadlines = await store.reader.rows("SELECT name, due, body FROM deadlines")
    assert [(name, due) for name, due, _ in deadlines] == [(f"retold/{BASE}", 0.0)]
    assert {"image", "offer", "answer"} <= {kind for kind, _ in world.documents}
    assert not any(kind == "member" for kind, _ in world.documents)
    assert [world.state(member) for member in ("beta", "delta", "eta", "gamma")] == [
        *("ACCEPTED", "REJECTED", "PENDING", "REVOKED")
    ]
    world.say(msgspec.json.decode(deadlines[0][2], type=definition(SETTINGS).local), "self")
    said = [(type(event).words(), event.member, event.owner) for event in world.events()]
    assert said == [
        ("share.offered", "beta", "acme"),
        ("share.accepted", "beta", "acme"),
        ("share.offered", "delta", "acme"),
        ("share.rejected", "delta", "acme"),
        ("share.offered", "eta", "acme"),
    ]
    assert [event.revision for event in world.events()] == [8, 9, 10, 11, 12], "above whatever was said before"
    for who, state in ((BETA, "ACCEPTED"), (actor("delta"), "REJECTED"), (actor("eta"), "PENDING"), (GAMMA, "")):
        assert access.answered(world.get(access.ACCESS, access.image_key(BASE)), who) == state
    assert [world.state(member) for member in ("beta", "delta", "eta", "gamma")] == [
        *("ACCEPTED", "REJECTED", "PENDING", "REVOKED")
    ]
    world.reject()
    world.offer("theta", images=(BASE, TOOLS))
    assert (world.state(), world.state("theta"), world.state("theta", TOOLS)) == ("REJECTED", "PENDING", "PENDING")
    async with world.stored(tmp_path / "sharing") as reader:
        page = await QUERIES[ListMembers](ListMembers(actor=ACME, image=BASE), reader)
        assert isinstance(page, MemberPage)
        assert [one.member for one in page.items] == ["beta", "delta", "eta", "theta"]
        offered = await QUERIES[ListShares](ListShares(actor=BETA), reader)
        assert isinstance(offered, SharePage)
        assert [(one.image, one.state) for one in offered.items] == [(BASE, "REJECTED")]


def test_images_of_before_have_names_once_the_catalog_said_them_again() -> None:
    world = World(ready=False)
    world.documents = {("image", BASE): msgspec.json.encode({"owner": "acme", "ready": True, "members": 0})}
    assert codes(world.offer(images=("lab/base",)).items) == ["image_not_found"]
    world.catalog(registered(), GalleryCreated(gallery=LAB, tenant="acme", name="lab", revision=3))
    assert codes(world.offer(images=("lab/base",)).items) == ["PENDING"]
    reply = world.command(ShareGallery, ACME, gallery="lab", sharing="groups", members=("gamma",))
    assert isinstance(reply, GallerySharingView)


def test_nothing_of_a_deleted_image_is_said_again() -> None:
    world = World()
    world.offer()
    world.documents["image", BASE] = msgspec.json.encode({"owner": "acme", "deleted": True})
    said = len(world.emitted)
    world.say(Retold(image=BASE, members=("beta",)), "self")
    assert len(world.emitted) == said
