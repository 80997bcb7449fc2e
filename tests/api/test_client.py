"""The Python client against a real door: what each method asks of the catalog, and what it gives back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from api import views
from api.backend import TOKEN
from api.house import House
from api.test_holdings import ADMIN, DEBIAN, RETENTION
from contracts import requests as contract
from contracts.definition import Flavour, Namespace, Property
from contracts.desktops import DataDisk
from contracts.keeping import Quota
from contracts.manifest import Source
from contracts.preparation import Signature
from contracts.requests import Origin, Ring
from imprint.client import Client
from imprint.exits import ImprintError

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def client(house: House) -> AsyncIterator[Client]:
    """A client of the house."""
    async with Client(house.door.url, token=TOKEN) as found:
        yield found


Call = Callable[[Client], Awaitable[Any]]
ACCEPTED = contract.Accepted(job=views.JOB, image=views.IMAGE, version=views.VERSION, number="1.0.0")
FLAVOUR = Flavour(name="thin", models=("T1",), description="Thin ones.")
NAMESPACE = Namespace(name="acme", closed=True, properties={"tier": Property(type="integer", maximum=3)})

SIGNED = {"signature": {"value": "c2lnbmF0dXJl", "key_type": "RSA-PSS", "certificate": "vendor"}}

ASKS: list[tuple[Call, type[contract.Request], dict[str, Any], Any]] = [
    (lambda c: c.galleries(), contract.ListGalleries, {"where": {}, "sort": "name"}, [views.gallery]),
    (
        lambda c: c.galleries(where={"min_images": "1"}, sort="-bytes"),
        contract.ListGalleries,
        {"where": {"min_images": "1"}, "sort": "-bytes"},
        [views.gallery],
    ),
    (lambda c: c.gallery("default"), contract.GetGallery, {"gallery": "default"}, views.gallery),
    (
        lambda c: c.create_gallery("lab", {"description": "x"}),
        contract.CreateGallery,
        {"name": "lab", "description": "x"},
        msgspec.structs.replace(views.gallery, name="lab"),
    ),
    (
        lambda c: c.edit_gallery("default", {"quota": {"images": None}}, 3),
        contract.EditGallery,
        {"gallery": "default", "changes": {"quota": {"images": None}}, "revision": 3},
        views.gallery,
    ),
    (lambda c: c.drop_gallery("default", 3), contract.DropGallery, {"gallery": "default", "revision": 3}, None),
    (lambda c: c.quota(), contract.GetQuota, {"tenant": None}, views.quota),
    (lambda c: c.quota("acme"), contract.GetQuota, {"tenant": "acme"}, views.quota),
    (
        lambda c: c.set_quota("default", Quota(galleries=5), 7),
        contract.SetQuota,
        {"tenant": "default", "quota": Quota(galleries=5), "revision": 7},
        views.quota,
    ),
    (lambda c: c.retentions(), contract.ListRetentions, {}, [views.retention]),
    (
        lambda c: c.set_retention(RETENTION, 0),
        contract.SetRetention,
        {"retention": RETENTION, "revision": 0},
        msgspec.structs.replace(views.retention, retention=RETENTION),
    ),
    (lambda c: c.drop_retention("old", 1), contract.DropRetention, {"name": "old", "revision": 1}, None),
    (
        lambda c: c.preview_retention("old"),
        contract.PreviewRetention,
        {"name": "old", "retention": None},
        contract.VictimPage(items=(views.victim,), looked_at=9),
    ),
    (
        lambda c: c.preview_retention(RETENTION),
        contract.PreviewRetention,
        {"name": None, "retention": RETENTION},
        contract.VictimPage(items=(views.victim,), looked_at=9),
    ),
    (lambda c: c.run_retention("old"), contract.RunRetention, {"name": "old"}, None),
    (lambda c: c.flavours(), contract.ListFlavours, {}, [views.flavour]),
    (
        lambda c: c.set_flavour(FLAVOUR, 0),
        contract.SetFlavour,
        {"flavour": FLAVOUR, "revision": 0},
        msgspec.structs.replace(views.flavour, flavour=FLAVOUR),
    ),
    (lambda c: c.drop_flavour("thin", 2), contract.DropFlavour, {"name": "thin", "revision": 2}, None),
    (lambda c: c.namespaces(), contract.ListNamespaces, {}, [views.namespace]),
    (
        lambda c: c.set_namespace(NAMESPACE, 4),
        contract.SetNamespace,
        {"namespace": NAMESPACE, "revision": 4},
        msgspec.structs.replace(views.namespace, namespace=NAMESPACE),
    ),
    (lambda c: c.drop_namespace("acme", 4), contract.DropNamespace, {"name": "acme", "revision": 4}, None),
    (lambda c: c.certificates(), contract.ListCertificates, {}, [views.certificate]),
    (
        lambda c: c.set_certificate("vendor", "-----BEGIN"),
        contract.SetCertificate,
        {"name": "vendor", "pem": "-----BEGIN"},
        views.certificate,
    ),
    (lambda c: c.drop_certificate("vendor"), contract.DropCertificate, {"name": "vendor"}, None),
    (
        lambda c: c.register_image("fedora", {"os_type": "windows"}),
        contract.RegisterImage,
        {"name": "fedora", "os_type": "windows", "gallery": "default"},
        msgspec.structs.replace(views.image, name="fedora"),
    ),
    (lambda c: c.delete_image(DEBIAN, 2), contract.DeleteImage, {"image": DEBIAN, "revision": 2}, None),
    (
        lambda c: c.versions(DEBIAN, "FAILED", pod="pod-1", hidden=True, where={"mode": "full"}, sort="-size"),
        contract.ListVersions,
        {
            "image": DEBIAN, "state": "FAILED", "pod": "pod-1", "hidden": True, "where": {"mode": "full"},
            "sort": "-size",
        },
        [views.version],
    ),
    (
        lambda c: c.import_version(DEBIAN, pod="pod-1", name="vm", wanted={"snapshot": True}),
        contract.ImportVersion,
        {"create": True, "os_type": None, "source": Source(pod="pod-1", name="vm"), "origin": None, "snapshot": True},
        ACCEPTED,
    ),
    (
        lambda c: c.import_version(DEBIAN, pod="pod-1", name="a", kind="file", wanted={**SIGNED, "plugins": []}),
        contract.ImportVersion,
        {"plugins": (), "signature": msgspec.convert(SIGNED["signature"], Signature)},
        ACCEPTED,
    ),
    (
        lambda c: c.import_version(DEBIAN, create=False, wanted={"origin": {"image": "lab/base", "number": "1.0"}}),
        contract.ImportVersion,
        {"create": False, "source": None, "origin": Origin(image="lab/base", number="1.0")},
        ACCEPTED,
    ),
    (
        lambda c: c.delete_version(DEBIAN, "1.0.0", bypass_soft_delete=True, force=True, revision=4),
        contract.DeleteVersion,
        {"image": DEBIAN, "number": "1.0.0", "bypass_soft_delete": True, "force": True, "revision": 4},
        ACCEPTED,
    ),
    (
        lambda c: c.delete_version(DEBIAN, "1.0.0"),
        contract.DeleteVersion,
        {"bypass_soft_delete": False, "force": False},
        ACCEPTED,
    ),
    (lambda c: c.lineage(DEBIAN, "1.0.0"), contract.GetLineage, {"number": "1.0.0"}, [views.ancestor]),
    (
        lambda c: c.lineage(DEBIAN, "1.0.0", where={"max_depth": "1"}, sort="-depth"),
        contract.GetLineage,
        {"where": {"max_depth": "1"}, "sort": "-depth"},
        [views.ancestor],
    ),
    (
        lambda c: c.users(DEBIAN, "1.0.0", where={"pod": "pod-1"}, sort="seats"),
        contract.GetUsers,
        {"where": {"pod": "pod-1"}, "sort": "seats"},
        [views.user],
    ),
    (lambda c: c.users(DEBIAN, "1.0.0"), contract.GetUsers, {"number": "1.0.0"}, [views.user]),
    (
        lambda c: c.set_enabled(DEBIAN, enabled=False),
        contract.SetEnabled,
        {"image": DEBIAN, "number": None, "enabled": False},
        None,
    ),
    (
        lambda c: c.set_enabled(DEBIAN, "1.0.0", enabled=True, revision=4),
        contract.SetEnabled,
        {"number": "1.0.0", "enabled": True, "revision": 4},
        None,
    ),
    (
        lambda c: c.set_protection(DEBIAN, "1.0.0", protected=True, cool_down=24),
        contract.SetProtection,
        {"number": "1.0.0", "protected": True, "cool_down": 24.0},
        None,
    ),
    (
        lambda c: c.set_protection(DEBIAN, protected=False),
        contract.SetProtection,
        {"number": None, "protected": False, "cool_down": None},
        None,
    ),
    (
        lambda c: c.set_deprecation(DEBIAN, "1.0.0", state="DEPRECATED", replacement="1.1.0"),
        contract.SetDeprecation,
        {"number": "1.0.0", "state": "DEPRECATED", "replacement": "1.1.0"},
        None,
    ),
    (lambda c: c.markers(DEBIAN), contract.ListMarkers, {"image": DEBIAN}, [views.marker]),
    (
        lambda c: c.markers(DEBIAN, where={"frozen": "true"}, sort="-number"),
        contract.ListMarkers,
        {"where": {"frozen": "true"}, "sort": "-number"},
        [views.marker],
    ),
    (lambda c: c.marker(DEBIAN, "prod"), contract.GetMarker, {"image": DEBIAN, "marker": "prod"}, views.marker),
    (
        lambda c: c.move_marker(DEBIAN, "prod", "1.1.0", rings=[{"pods": ["pod-1"]}], failures=2, logoff="force"),
        contract.MoveMarker,
        {"marker": "prod", "number": "1.1.0", "rings": (Ring(pods=("pod-1",)),), "failures": 2, "logoff": "force"},
        views.marker,
    ),
    (
        lambda c: c.rollback_marker(DEBIAN, "prod", 2),
        contract.RollbackMarker,
        {"marker": "prod", "revision": 2},
        views.marker,
    ),
    (
        lambda c: c.steer_rollout(DEBIAN, "prod", "cancel"),
        contract.SteerRollout,
        {"marker": "prod", "verb": "cancel"},
        views.marker,
    ),
    (lambda c: c.drop_marker(DEBIAN, "prod"), contract.DropMarker, {"marker": "prod", "revision": None}, None),
    (
        lambda c: c.assignments(DEBIAN, "pod-2", "IN_SYNC", where={"kind": "desktop"}, sort="-seats"),
        contract.ListAssignments,
        {"image": DEBIAN, "pod": "pod-2", "state": "IN_SYNC", "where": {"kind": "desktop"}, "sort": "-seats"},
        [views.assignment],
    ),
    (lambda c: c.assignment("desks"), contract.GetAssignment, {"assignment": "desks"}, views.assignment),
    (
        lambda c: c.create_assignment("desks", DEBIAN, ["pod-2"], {"marker": "prod", "seats": 2}),
        contract.CreateAssignment,
        {"name": "desks", "image": DEBIAN, "pods": ("pod-2",), "marker": "prod", "seats": 2},
        views.assignment,
    ),
    (
        lambda c: c.edit_assignment("desks", {"seats": 3}, 6),
        contract.EditAssignment,
        {"changes": {"seats": 3}, "revision": 6},
        views.assignment,
    ),
    (
        lambda c: c.add_disk("desks", 2, 10),
        contract.AddDisk,
        {"disk": DataDisk(lun=2, size_gib=10)},
        views.assignment,
    ),
    (
        lambda c: c.rebuild_assignment("desks", ["pod-2"]),
        contract.RebuildAssignment,
        {"pods": ("pod-2",)},
        views.assignment,
    ),
    (
        lambda c: c.switch_image("desks", "lab/next", {"number": "2.0"}),
        contract.SwitchImage,
        {"image": "lab/next", "number": "2.0"},
        views.assignment,
    ),
    (
        lambda c: c.duplicate_assignment("desks", "more"),
        contract.DuplicateAssignment,
        {"name": "more", "pods": ()},
        views.assignment,
    ),
    (lambda c: c.drop_assignment("desks", force=True), contract.DropAssignment, {"force": True}, views.assignment),
    (
        lambda c: c.seats("desks", "pod-2", where={"state": "READY", "user": ""}, sort="name"),
        contract.ListSeats,
        {"pod": "pod-2", "state": "READY", "where": {"user": ""}, "sort": "name"},
        [views.seat],
    ),
    (
        lambda c: c.jobs("FAILURE", "import", image=views.IMAGE, where={"actor": "ann"}, sort="created"),
        contract.ListJobs,
        {"state": "FAILURE", "kind": "import", "image": views.IMAGE, "where": {"actor": "ann"}, "sort": "created"},
        [views.job],
    ),
    (lambda c: c.retry_job(views.JOB), contract.RetryJob, {"job": views.JOB}, ACCEPTED),
]  # fmt: skip


NAMES = [f"{number}-{kind.__name__}" for number, (_, kind, *_) in enumerate(ASKS)]


@pytest.mark.parametrize(("call", "kind", "fields", "answer"), ASKS, ids=NAMES)
async def test_a_method_asks_the_catalog_and_gives_its_view_back(
    house: House, client: Client, call: Call, kind: type[contract.Request], fields: dict[str, Any], answer: Any
) -> None:
    found = await call(client)
    asked = house.services.last
    assert (type(asked), asked.actor) == (kind, ADMIN)
    assert {name: getattr(asked, name) for name in fields} == fields
    assert found == answer


async def test_a_list_of_images_has_all_its_filters_on_every_page(house: House, client: Client) -> None:
    pages = iter((contract.ImagePage(items=(views.image,), next="two"), contract.ImagePage(items=(views.image,))))
    house.services.answers[contract.ListImages] = lambda _: next(pages)
    found = await client.images(
        "default", "AVAILABLE", text="deb", tags={"team": "a", "env": ""}, pod="pod-1", owner="acme", hidden=True,
        where={"os_type": "linux"}, sort="-created",
    )  # fmt: skip
    assert found == [views.image, views.image]
    first = contract.ListImages(
        actor=ADMIN, gallery="default", state="AVAILABLE", text="deb", tags={"team": "a", "env": ""}, pod="pod-1",
        owner="acme", hidden=True, where={"os_type": "linux"}, sort="-created",
    )  # fmt: skip
    assert house.services.asked == [first, msgspec.structs.replace(first, cursor="two")]


async def test_an_edit_gives_the_thing_back_as_it_is_now(house: House, client: Client) -> None:
    image = await client.edit_image(DEBIAN, {"details": {"hidden": True}}, revision=2)
    assert image == msgspec.structs.replace(views.image, revision=3)
    assert house.services.asked[0].changes == {"details": {"hidden": True}}
    assert house.services.asked[0].revision == 2
    assert await client.edit_tags(DEBIAN, {"env": "prod"}, ["team"]) == image
    version = msgspec.structs.replace(views.version, revision=5)
    assert await client.edit_version(DEBIAN, "1.0.0", {"description": "x"}, revision=4) == version
    assert await client.restore_version(DEBIAN, "1.0.0") == version
    assert await client.record_validation(DEBIAN, "1.0.0", "boot", "Succeeded", tool="vmtest") == version
    house.services.reset()
    assert await client.set_data_access(DEBIAN, "1.0.0", active=False, revision=4) == version
    assert (house.services.asked[0].active, house.services.asked[0].revision) == (False, 4)
    assert await client.set_data_access(DEBIAN, "1.0.0", active=True) == version


async def test_an_edit_of_what_was_changed_meanwhile_is_refused(client: Client) -> None:
    with pytest.raises(ImprintError) as caught:
        await client.edit_gallery("default", {"description": "x"}, revision=1)
    assert (caught.value.problem.code, caught.value.problem.status) == ("revision_mismatch", 412)


async def test_the_audit_log_is_read_page_by_page(house: House, client: Client) -> None:
    log = (contract.AuditPage(items=(views.audit,), next="1", sequence=2, head="e" * 64),
           contract.AuditPage(items=(), sequence=2, head="e" * 64))  # fmt: skip
    pages = iter(log)
    house.services.answers[contract.ListAudit] = lambda _: next(pages)
    found = [page async for page in client.audit(about=views.IMAGE, actor="ann")]
    assert tuple(found) == log
    first = contract.ListAudit(actor=ADMIN, about=views.IMAGE, actor_name="ann", limit=500)
    assert house.services.asked == [first, msgspec.structs.replace(first, cursor="1")]
    house.services.answers[contract.ListAudit] = lambda _: log[1]
    assert [page async for page in client.audit(where={"action": "edit_image"}, sort="-sequence")] == [log[1]]
    asked = contract.ListAudit(actor=ADMIN, where={"action": "edit_image"}, sort="-sequence", limit=500)
    assert house.services.last == asked
