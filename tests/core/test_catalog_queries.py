"""The read side of the catalog, over a real database: pages, walls between tenants, ``latest``, and the plans."""

import base64
import itertools
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
import pytest

from catalog import pages, queries
from catalog.documents import VERSION
from catalog.queries import audit, galleries, images, jobs, listing, named, walking
from contracts.errors import Failure, Problem
from contracts.events.hub import PlacementRefused, PodRemoved, Targets
from contracts.events.intake import ImageBuilt
from contracts.manifest import Source
from contracts.requests import (
    REPLIES,
    GetImage,
    GetJob,
    GetTimeline,
    GetVersion,
    ListImages,
    ListJobs,
    ListVersions,
    Request,
)
from contracts.terms import Override, Terms
from contracts.views import CopyCounts
from core.catalog_world import (
    ADA,
    EVE,
    MIGRATIONS,
    SETTINGS,
    World,
    announced,
    available,
    copying,
    failed,
    lost,
    manifest,
    planned,
    refused,
    removed,
    retired,
    vouched,
)
from core.readside import stored
from runtime import migrations
from runtime.store import Reader


async def ask(reader: Reader, query: Request) -> Any:
    """The reply, which must survive the wire as the type that the contracts name."""
    reply = await queries.queries(SETTINGS)[type(query)](query, reader)
    kind = type(reply)
    assert kind in (REPLIES[type(query)], Problem)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=kind) == reply
    return reply


async def pages_of(reader: Reader, query: Any) -> list[list[Any]]:
    """All pages of a list."""
    found = []
    while True:
        page = await ask(reader, query)
        found.append(list(page.items))
        if page.next is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.next)


async def test_images_come_by_gallery_and_name_page_by_page_and_inside_the_tenant(tmp_path: Path) -> None:
    world = World()
    for name in ("c", "a", "b"):
        world.register(name)
        world.register(name, gallery="zoo")
    world.register("a", EVE)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await pages_of(reader, ListImages(actor=ADA, limit=4))
        names = [[(one.gallery, one.name) for one in page] for page in found]
        assert names == [
            [("default", "a"), ("default", "b"), ("default", "c"), ("zoo", "a")],
            [("zoo", "b"), ("zoo", "c")],
        ]
        zoo = await pages_of(reader, ListImages(actor=ADA, gallery="zoo", state="REGISTERED", limit=2))
        assert [[one.name for one in page] for page in zoo] == [["a", "b"], ["c"]]
        assert (await ask(reader, ListImages(actor=ADA, state="FAILED"))).items == ()
        assert [one.tenant for one in (await ask(reader, ListImages(actor=EVE))).items] == ["evil"]


async def test_a_page_stays_where_it_was_when_images_are_added_before_it(tmp_path: Path) -> None:
    world = World()
    for name in ("b", "d", "f"):
        world.register(name)
    async with stored(world, tmp_path / "one", MIGRATIONS) as reader:
        first = await ask(reader, ListImages(actor=ADA, limit=2))
    world.register("a")
    world.register("e")
    async with stored(world, tmp_path / "two", MIGRATIONS) as reader:
        second = await ask(reader, ListImages(actor=ADA, limit=2, cursor=first.next))
    assert [one.name for one in (*first.items, *second.items)] == ["b", "d", "e", "f"]


async def test_an_image_is_found_by_id_and_by_name_and_only_by_its_tenant(tmp_path: Path) -> None:
    world = World()
    image = world.deployed("tools/base").image
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for text in (image, "tools/base"):
            view = await ask(reader, GetImage(actor=ADA, image=text))
            assert (view.id, view.state, view.latest) == (image, "AVAILABLE", None)
        for actor, text in ((EVE, image), (EVE, "tools/base"), (ADA, "base"), (ADA, "../x"), (ADA, "a\0b")):
            refused(await ask(reader, GetImage(actor=actor, image=text)), "image_not_found")


async def test_versions_come_highest_number_first_as_integers(tmp_path: Path) -> None:
    world = World()
    for number in ("1.9.0", "1.10.0", "1.2.0"):
        world.import_(number=number)
    gone = world.import_(number="2.0.0")
    world.rejected(gone.version)
    world.import_(number="2.0.0")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await pages_of(reader, ListVersions(actor=ADA, image="base", limit=2))
        assert [[(one.number, one.state) for one in page] for page in found] == [
            [("2.0.0", "PENDING"), ("2.0.0", "FAILED")],
            [("1.10.0", "PENDING"), ("1.9.0", "PENDING")],
            [("1.2.0", "PENDING")],
        ]
        only = await ask(reader, ListVersions(actor=ADA, image="base", state="FAILED"))
        assert [one.id for one in only.items] == [gone.version]
        refused(await ask(reader, ListVersions(actor=EVE, image="base")), "image_not_found")


async def test_a_version_is_found_by_its_number_in_either_form(tmp_path: Path) -> None:
    world = World()
    accepted = world.deployed()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for number in ("1.0", "1.0.0"):
            view = await ask(reader, GetVersion(actor=ADA, image="base", number=number))
            assert (view.id, view.state, view.manifest) == (
                accepted.version,
                "DEPLOYMENT_DONE",
                vouched(accepted.version, manifest()),
            )
            assert (view.gallery, view.name, view.job) == ("default", "base", accepted.job)
        for number in ("1.1.0", "one", "1.0.0\n"):
            refused(await ask(reader, GetVersion(actor=ADA, image="base", number=number)), "version_not_found")
        refused(await ask(reader, GetVersion(actor=EVE, image=accepted.image, number="1.0")), "image_not_found")


async def test_a_number_that_was_freed_shows_the_last_import_that_failed(tmp_path: Path) -> None:
    world = World()
    world.rejected(world.import_().version)
    last = world.import_().version
    world.rejected(last)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await ask(reader, GetVersion(actor=ADA, image="base", number="1.0.0"))
    assert (view.id, view.state, view.failure.code) == (last, "FAILED", "vm_not_found")


async def test_latest_is_the_highest_number_that_can_be_used_overall_and_on_a_pod(tmp_path: Path) -> None:
    world = World()
    for targets, fate in ((("pod-1", "pod-2"), available), (("pod-1",), available), (("pod-1",), failed)):
        accepted = world.deployed()
        world.publish(number=accepted.number, targets=Targets(kind="list", pods=targets))
        for pod in targets:
            world.copy(planned(accepted.version, pod, wanted=len(targets)))
            world.copy(fate(accepted.version, pod))
    world.deployed()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:

        async def latest(pod: str | None = None) -> Any:
            return await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod=pod))

        assert (await latest()).number == "1.1.0"
        assert (await latest("pod-1")).number == "1.1.0"
        assert (await latest("pod-2")).number == "1.0.0"
        refused(await latest("pod-3"), "no_latest_on_pod")
        refused(await latest("pod-9"), "pod_not_found")
        assert (await ask(reader, GetImage(actor=ADA, image="base"))).latest == "1.1.0"
        assert [one.latest for one in (await ask(reader, ListImages(actor=ADA))).items] == ["1.1.0"]


async def test_without_a_published_version_there_is_no_latest(tmp_path: Path) -> None:
    world = World()
    version = world.deployed().version
    world.publish()
    world.copy(planned(version, "pod-1", wanted=2))
    world.copy(available(version, "pod-1"))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for pod in (None, "pod-1"):
            reply = await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod=pod))
            refused(reply, "no_latest")


async def test_latest_does_not_fall_back_while_a_version_is_published_again(tmp_path: Path) -> None:
    world = World()
    world.published()
    world.publish(again=True)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod="pod-2"))
    assert (view.number, view.state, view.copies.available) == ("1.0.0", "PUBLISHING", 3)


async def test_jobs_come_newest_first_and_can_be_filtered(tmp_path: Path) -> None:
    world = World()
    imported = world.deployed()
    published = world.publish()
    other = world.import_()
    world.import_(actor=EVE)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await pages_of(reader, ListJobs(actor=ADA, limit=2))
        assert [[one.id for one in page] for page in found] == [[other.job, published.job], [imported.job]]

        async def ids(**filters: str) -> list[str]:
            return [one.id for one in (await ask(reader, ListJobs(actor=ADA, **filters))).items]

        assert await ids(kind="publish") == [published.job]
        assert await ids(state="SUCCESS") == [imported.job]
        assert await ids(state="PENDING", kind="import") == [other.job]
        refused(await ask(reader, GetJob(actor=EVE, job=imported.job)), "job_not_found")
        refused(await ask(reader, GetJob(actor=ADA, job="none")), "job_not_found")


async def test_a_job_shows_how_the_copies_stand_while_it_runs_and_its_own_end_afterwards(tmp_path: Path) -> None:
    world = World()
    version = world.deployed().version
    first = world.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2"))).job
    world.copy(planned(version, "pod-1", wanted=2))
    world.copy(available(version, "pod-1"))

    async def counts(path: str, job: str) -> tuple[str, int, int, int]:
        async with stored(world, tmp_path / path, MIGRATIONS) as reader:
            view = await ask(reader, GetJob(actor=ADA, job=job))
        return view.state, view.copies.wanted, view.copies.available, view.copies.failed

    assert await counts("one", first) == ("PROCESSING", 2, 1, 0)
    world.copy(planned(version, "pod-2", wanted=2))
    world.copy(failed(version, "pod-2"))
    assert await counts("two", first) == ("PARTIAL", 2, 1, 1)
    second = world.publish(again=True).job
    refusal = Failure(code="no_target", step="place", text="none")
    world.copy(PlacementRefused(version=version, publication=2, failure=refusal))
    assert await counts("three", first) == ("PARTIAL", 2, 1, 1)
    assert await counts("four", second) == ("FAILURE", 2, 1, 1)


async def test_a_refused_word_of_a_build_pipeline_can_be_read_as_a_job(tmp_path: Path) -> None:
    world = World()
    built = ImageBuilt(image="web", source=Source(pod="pod-9", name="golden"), tenant=ADA.tenant)
    world.say(built, "intake:jenkins")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        (job,) = (await ask(reader, ListJobs(actor=ADA, state="FAILURE"))).items
        assert (job.failure.code, job.actor) == ("pod_unknown", "intake:jenkins")
        (row,) = (await ask(reader, GetTimeline(actor=ADA, job=job.id))).items
        assert (row.event, row.speaker) == ("image.built.v2", "intake:jenkins")


async def test_a_timeline_tells_a_job_event_by_event_and_only_its_own(tmp_path: Path) -> None:
    world = World()
    accepted = world.import_()
    world.import_("other")
    world.started(accepted.version)
    world.prepared(accepted.version)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await pages_of(reader, GetTimeline(actor=ADA, job=accepted.job, limit=4))
        assert [[(one.event, one.speaker) for one in page] for page in found] == [
            [
                ("gallery.created.v1", "catalog"),
                ("image.registered.v1", "catalog"),
                ("version.requested.v1", "catalog"),
                ("source.requested.v1", "catalog"),
            ],
            [
                ("source.started.v1", "pod:pod-1"),
                ("version.started.v1", "catalog"),
                ("source.prepared.v1", "pod:pod-1"),
                ("version.deployed.v1", "catalog"),
            ],
            [("image.available.v1", "catalog")],
        ]
        body = msgspec.json.decode(found[0][2].body)
        assert (body["type"], body["version"]) == ("version.requested.v1", accepted.version)
        refused(await ask(reader, GetTimeline(actor=EVE, job=accepted.job)), "job_not_found")


async def test_copy_events_and_deadlines_are_in_the_timeline_of_the_publish(tmp_path: Path) -> None:
    world = World()
    version = world.deployed().version
    job = world.publish(deadline=60).job
    world.copy(planned(version, "pod-1", wanted=2))
    world.pass_time(60 + SETTINGS.publish_margin)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        items = (await ask(reader, GetTimeline(actor=ADA, job=job))).items
    assert [(one.event, one.speaker) for one in items] == [
        ("version.publish_requested.v1", "catalog"),
        ("copy.planned.v1", "replicator"),
        ("version.replicating.v1", "catalog"),
        ("publish.overdue", "self"),
        ("version.failed.v1", "catalog"),
    ]


async def test_an_excluded_version_is_never_latest_from_the_publish_on(tmp_path: Path) -> None:
    """Between any two messages of its publish somebody may ask (features.md A7)."""
    world = World()
    world.published()
    version = world.deployed().version
    asked = itertools.count()

    async def latest(pod: str | None = None) -> Any:
        async with stored(world, tmp_path / str(next(asked)), MIGRATIONS) as reader:
            return await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod=pod))

    pods = ("pod-1", "pod-2", "pod-3")
    terms = Terms(exclude_from_latest=True, overrides={"pod-3": Override(exclude_from_latest=False)})
    world.publish(number="1.1.0", terms=terms)
    messages = [
        planned(version, pod, wanted=3, excluded=terms.excluded_on(pod)) for pod in pods
    ] + [available(version, pod) for pod in pods]  # fmt: skip
    for message in (None, *messages):
        if message is not None:
            world.copy(message)
        for pod in (None, "pod-1", "pod-2"):
            assert (await latest(pod)).number == "1.0.0"
    assert world.state(version) == "AVAILABLE"
    assert (await latest("pod-3")).number == "1.1.0", "it is not excluded there"
    async with stored(world, tmp_path / "views", MIGRATIONS) as reader:
        view = await ask(reader, GetVersion(actor=ADA, image="base", number="1.1.0"))
        assert (view.exclude_from_latest, view.mode, view.converging) == (True, "full", False)
        assert [one.latest for one in (await ask(reader, ListImages(actor=ADA))).items] == ["1.0.0"]

    world.publish(number="1.1.0", again=True, terms=Terms())
    assert ((await latest()).number, (await latest("pod-1")).number) == ("1.1.0", "1.1.0")
    world.publish(number="1.0.0", again=True)
    for pod in pods:
        world.copy(planned(version, pod, wanted=3, state="AVAILABLE", publication=2, revision=4))
    world.publish(number="1.1.0", again=True, terms=terms)
    for pod in (None, "pod-1", "pod-2"):
        assert (await latest(pod)).number == "1.0.0", "copies of an earlier publish follow the terms of the latest"
    assert (await latest("pod-3")).number == "1.1.0"


async def test_an_exclusion_that_an_edit_says_of_a_copy_holds_on_its_pod(tmp_path: Path) -> None:
    world = World()
    version = world.published().version
    world.copy(planned(version, "pod-2", wanted=3, state="AVAILABLE", revision=4, excluded=True))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        refused(
            await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod="pod-2")), "no_latest_on_pod"
        )
        assert (await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod="pod-1"))).number == "1.0.0"


async def test_an_excluded_version_alone_is_no_latest_and_a_removed_pod_has_none(tmp_path: Path) -> None:
    world = World()
    version = world.deployed().version
    world.publish(terms=Terms(exclude_from_latest=True))
    world.copy(planned(version, "pod-1", excluded=True))
    world.copy(available(version, "pod-1"))
    world.say(PodRemoved(pod="pod-3", revision=2), "replicator")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        refused(await ask(reader, GetVersion(actor=ADA, image="base", number="latest")), "no_latest")
        query = GetVersion(actor=ADA, image="base", number="latest", pod="pod-1")
        refused(await ask(reader, query), "no_latest_on_pod")
        refused(await ask(reader, msgspec.structs.replace(query, pod="pod-3")), "pod_not_found")
        refused(await ask(reader, msgspec.structs.replace(query, pod="x' OR 1")), "pod_not_found")


async def test_targets_added_later_leave_the_version_available_and_converging_until_they_are_there(
    tmp_path: Path,
) -> None:
    world = World(pods=4)
    version = world.published().version
    shown = []
    for n, message in enumerate(
        (
            announced(version, 4, revision=2),
            planned(version, "pod-4", wanted=4),
            copying(version, "pod-4"),
            available(version, "pod-4"),
        )
    ):
        said = world.said(world.copy(message))
        async with stored(world, tmp_path / str(n), MIGRATIONS) as reader:
            view = await ask(reader, GetVersion(actor=ADA, image="base", number="1.0.0"))
            job = await ask(reader, GetJob(actor=ADA, job=view.job))
        shown.append((view.state, view.converging, view.copies.wanted, view.copies.available, view.copies.failed, said))
        assert (job.state, job.copies.wanted) == ("SUCCESS", 3), "an edit is not the job's"
    assert shown == [
        ("AVAILABLE", True, 4, 3, 0, []),
        ("AVAILABLE", True, 4, 3, 0, []),
        ("AVAILABLE", True, 4, 3, 0, []),
        ("AVAILABLE", False, 4, 4, 0, ["version.available"]),
    ]


async def test_a_withdrawn_version_has_no_copies_and_tells_why(tmp_path: Path) -> None:
    world = World()
    version = world.published().version
    world.unpublish()
    for pod in ("pod-1", "pod-2", "pod-3"):
        world.copy(retired(version, pod))
        world.copy(removed(version, pod))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await ask(reader, GetVersion(actor=ADA, image="base", number="1.0.0"))
        assert (view.state, view.copies, view.failure) == ("DEPLOYMENT_DONE", CopyCounts(), None)
        refused(await ask(reader, GetVersion(actor=ADA, image="base", number="latest")), "no_latest")
        (job,) = (await ask(reader, ListJobs(actor=ADA, kind="unpublish"))).items
        assert (job.state, job.id) == ("SUCCESS", view.job)
        rows = (await ask(reader, GetTimeline(actor=ADA, job=job.id))).items
    assert [row.event for row in rows] == [
        "version.unpublish_requested.v1",
        *["copy.retired.v1", "copy.removed.v1"] * 3,
        "version.withdrawn.v1",
    ]


async def test_what_was_stored_with_other_sums_is_counted_anew_from_its_copies(tmp_path: Path) -> None:
    world = World()
    version = world.published(pods=("pod-1", "pod-2")).version
    world.publish(again=True, targets=Targets(kind="list", pods=("pod-2", "pod-3")))
    world.copy(planned(version, "pod-2", wanted=2, state="AVAILABLE", publication=2, revision=4))
    world.copy(planned(version, "pod-3", wanted=2, publication=2))
    world.copy(failed(version, "pod-3"))
    world.copy(lost(version, "pod-1", revision=4))
    now = world.version(version)
    old = {"number": 2, "wanted": 2, "planned": 2, "available": 1, "failed": 1, "kept": 0, "gone": 1, "lost": 0}
    kept = msgspec.json.decode(msgspec.json.encode(now)) | {"publication": old}
    world.documents[VERSION.name, version] = msgspec.json.encode(kept)
    path = tmp_path / "db"
    first = tmp_path / "catalog" / "first"
    first.mkdir(parents=True)
    (first / "0001_catalog.sql").write_text((MIGRATIONS / "0001_catalog.sql").read_text())
    world.writes = [(sql, row) for sql, row in world.writes if "INTO timeline" in sql]
    async with stored(world, path, first):
        pass
    migrations.apply(path, MIGRATIONS)
    async with aiosqlite.connect(path) as connection:
        found = await Reader(connection).get(VERSION, version)
    assert found == now


def cursor_of(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode()


BAD_CURSORS = ["", "x", "!!!", "\ud800", "A" * 9999, *map(cursor_of, (b"", b"[]", b"null", b"{}", b"\xff", b"1.5"))]


@pytest.mark.parametrize("cursor", [*BAD_CURSORS, cursor_of(b"7"), cursor_of(b'"a"'), cursor_of(b"%d" % 2**64)])
async def test_a_cursor_that_no_list_gave_is_a_bad_request(tmp_path: Path, cursor: str) -> None:
    world = World()
    job = world.import_().job
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        asked: list[Request] = [
            ListImages(actor=ADA, cursor=cursor),
            ListVersions(actor=ADA, image="base", cursor=cursor),
            ListJobs(actor=ADA, cursor=cursor),
        ]
        if cursor != cursor_of(b"7"):
            asked.append(GetTimeline(actor=ADA, job=job, cursor=cursor))
        for query in asked:
            refused(await ask(reader, query), "bad_request")


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_that_makes_no_sense_is_refused(tmp_path: Path, limit: int) -> None:
    world = World()
    job = world.import_().job
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        asked: list[Request] = [
            ListImages(actor=ADA, limit=limit),
            ListVersions(actor=ADA, image="base", limit=limit),
            ListJobs(actor=ADA, limit=limit),
            GetTimeline(actor=ADA, job=job, limit=limit),
        ]
        for query in asked:
            refused(await ask(reader, query), "validation_failed")


def test_a_page_ends_before_it_gets_too_large_for_a_message_but_is_never_empty() -> None:
    rows = [(n, "x" * (pages.BYTES // 2 - 1)) for n in range(5)]
    cut = pages.cut(rows, 4, body=1)
    assert [n for n, _ in cut.rows] == [0, 1]
    assert pages.after(cut.next, int) == 1
    huge = pages.cut([(7, "x" * pages.BYTES * 2), (8, "x")], 4, body=1)
    assert [n for n, _ in huge.rows] == [7]
    assert pages.after(huge.next, int) == 7
    last = pages.cut([(7, "x")], 4, body=1)
    assert last.next is None


def listed(view: str, keys: str, where: str, way: str = "DESC") -> str:
    """The SQL of a page of a list."""
    order = ", ".join(f"{key} {way}" for key in keys.split(", "))
    return listing.WALK.format(view=view, keys=keys, inner=where, outer="1", way=order)


def walked(bounds: str, *conditions: str) -> str:
    """The SQL of a walk over images."""
    return walking.WALK.format(bounds=bounds, where=" AND ".join(conditions) or "1", way="ASC")


def entries(where: str, way: str = "ASC") -> str:
    """The SQL of a page of the audit log."""
    return audit.ENTRIES.format(inner=where, outer="1", way=way)


OF_ALL = "tenant = ? AND (created, id) < (?, ?) AND created <= ?"
BEYOND = " AND (value, path, image) > (?, ?, ?)"
LED = " AND value = ? AND (path, image) > (?, ?)"
RANGE = walking.COMPARES.format(compared=" AND f.value > ?")
PLANS = {
    "images by a field": (walked(BEYOND), "PRIMARY KEY (scope=? AND field=? AND (value,path,image)>(?,?,?))"),
    "images with a value": (walked(LED), "PRIMARY KEY (scope=? AND field=? AND value=? AND (path,image)>(?,?))"),
    "images with two values": (
        walked(LED, walking.MEETS),
        "PRIMARY KEY (scope=? AND field=? AND value=? AND path=? AND image=?)",
    ),
    "images above a value": (walked(LED, RANGE), "image_facts_by_image (image=? AND field=?)"),
    "images with a text": (walked(LED, walking.HAS_TEXT), "sqlite_autoindex_image_texts_1 (image=?)"),
    "images on a pod": (walked(LED, images.ON_POD), "sqlite_autoindex_documents_1 (kind=? AND id>? AND id<?)"),
    "images that are usable": (walked(LED, images.HAS_USABLE), "versions_usable (<expr>=? AND <expr>=?)"),
    "images with this latest": (walked(LED, images.HAS_LATEST), "versions_usable (<expr>=? AND <expr>=?)"),
    "few images with a value": (
        walking.MATCHES.format(compared=" AND value = ?"),
        "PRIMARY KEY (scope=? AND field=? AND value=?)",
    ),
    "few images by text": (walking.TEXT, "image_search VIRTUAL TABLE INDEX 0:M1"),
    "images of a page": (images.BODIES, "sqlite_autoindex_documents_1 (kind=? AND id=?)"),
    "versions": (listed("versions", "place", "image = ? AND place < ?"), "versions_by_place (<expr>=? AND <expr><?)"),
    "jobs": (listed("jobs", "created, id", OF_ALL), "jobs_by_age (<expr>=? AND <expr><?)"),
    "jobs in a state": (
        listed("jobs", "created, id", f"state = ? AND {OF_ALL}"),
        "jobs_by_state (<expr>=? AND <expr>=? AND <expr><?)",
    ),
    "jobs of a kind": (listed("jobs", "created, id", f"task = ? AND {OF_ALL}"), "jobs_by_kind (<expr>=? AND <expr>=?"),
    "jobs of an image": (listed("jobs", "created, id", f"image = ? AND {OF_ALL}"), "jobs_by_image (<expr>=? AND"),
    "jobs by their last change": (
        listed("jobs", "updated, id", "tenant = ? AND (updated, id) < (?, ?) AND updated <= ?"),
        "jobs_by_change (<expr>=? AND <expr><?)",
    ),
    "jobs by state": (
        listed("jobs", "state, created, id", "tenant = ? AND state < ?"),
        "jobs_by_state (<expr>=? AND <expr><?)",
    ),
    "assignments": (
        listed("assignments", "name", "tenant = ? AND (name) > (?)", "ASC"),
        "assignments_by_name (<expr>=? AND <expr>>?)",
    ),
    "assignments by anything else": (
        listed("assignment_places", "value, name", "tenant = ? AND field = ? AND (value, name) > (?, ?)", "ASC"),
        "SEARCH f USING PRIMARY KEY (tenant=? AND field=? AND (value,name)>(?,?))",
    ),
    "a timeline": (jobs.TIMELINE, "timeline_by_saga (saga=? AND seq>?)"),
    "copies of a job": (jobs.COPIES, "sqlite_autoindex_documents_1 (kind=? AND id>? AND id<?)"),
    "galleries": (
        listed(galleries.GALLERIES, "id", "id > ? AND id < ?", "ASC"),
        "sqlite_autoindex_documents_1 (kind=? AND id>? AND id<?)",
    ),
    "imports that wait": (jobs.POSITIONS, "versions_waiting (<expr>=? AND id<?)"),
    "audit": (entries("sequence > ?"), "INTEGER PRIMARY KEY (rowid>?)"),
    "audit, the newest first": (entries("sequence < ?", "DESC"), "INTEGER PRIMARY KEY (rowid<?)"),
    "audit of one thing": (entries("about = ? AND sequence > ?"), "audit_by_about (about=? AND seq"),
    "audit of a tenant": (entries("tenant = ? AND sequence > ?"), "audit_by_tenant (tenant=? AND"),
    "latest": (named.LATEST, "versions_usable (<expr>=? AND <expr>=?)"),
    "the latest number": (named.LATEST_RANK, "versions_usable (<expr>=? AND <expr>=?)"),
    "a usable one": (named.USABLE, "versions_usable (<expr>=? AND <expr>=?)"),
    "latest on a pod": (named.LATEST_ON_POD, "versions_usable (<expr>=? AND <expr>=?)"),
    "the newest of a number": (named.NEWEST_OF_NUMBER, "versions_by_place (<expr>=? AND <expr>>? AND <expr><?)"),
}


@pytest.mark.parametrize("name", PLANS)
async def test_no_query_scans_or_sorts_all_there_is(tmp_path: Path, name: str) -> None:
    sql, index = PLANS[name]
    async with stored(World(), tmp_path / "db", MIGRATIONS) as reader:
        plan = [row[3] for row in await reader.rows(f"EXPLAIN QUERY PLAN {sql}", ["x"] * sql.count("?"))]
    # A scan of what a search of bounded length gives is none.
    bounded = ("SCAN s", "SCAN page", "SCAN few", "SCAN (subquery", "SCAN image_search VIRTUAL TABLE INDEX 0:M")
    assert not [step for step in plan if step.startswith("SCAN") and not step.startswith(bounded)], plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
    assert [step for step in plan if index in step], plan
    assert not [step for step in plan if "(kind=?)" in step], plan


async def test_documents_written_by_the_catalog_are_those_that_the_views_read(tmp_path: Path) -> None:
    world = World()
    accepted = world.published()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        rows = await reader.rows("SELECT id, image, rank, usable, state, number FROM versions")
        version = world.get(VERSION, accepted.version)
        assert version is not None
        assert rows == [(accepted.version, accepted.image, version.rank, 1, "AVAILABLE", "1.0.0")]
        assert await reader.rows("SELECT count(*) FROM copies WHERE state = 'AVAILABLE'") == [(3,)]
