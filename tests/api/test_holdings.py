"""What the routes of galleries, images, versions, markers, assignments and their rules ask, and what they answer."""

from typing import Any

import msgspec
import pytest

from api import views
from api.house import House
from api.test_routes import ADMIN, plain
from contracts import requests as contract
from contracts.definition import Details, Feature, Flavour, Identifier, Namespace, Property, Range
from contracts.desktops import Customisation, DataDisk, Endpoint, Shape
from contracts.keeping import Quota, Retention, Rule, SoftDelete
from contracts.manifest import Source
from contracts.preparation import Signature
from contracts.requests import Origin, Ring, command_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = command_id(ADMIN, "k")
DEBIAN = "default/debian"
BASE = f"/v1/images/{DEBIAN}"
ONE = f"{BASE}/versions/1.0.0"
PROD = f"{BASE}/markers/prod"
DESKS = "/v1/assignments/desks"
RETENTION = Retention(name="old", action="DEPRECATE", rule=Rule(by="COUNT", value=3))
RULE = {"action": "DEPRECATE", "rule": {"by": "COUNT", "value": 3}}

READS: list[tuple[str, contract.Request, Any]] = [
    ("/v1/galleries?limit=2", contract.ListGalleries(actor=ADMIN, limit=2), [views.gallery]),
    ("/v1/galleries/default", contract.GetGallery(actor=ADMIN, gallery="default"), views.gallery),
    (f"/v1/galleries/{views.GALLERY}", contract.GetGallery(actor=ADMIN, gallery=views.GALLERY), views.gallery),
    ("/v1/quota", contract.GetQuota(actor=ADMIN), views.quota),
    ("/v1/quota?tenant=acme", contract.GetQuota(actor=ADMIN, tenant="acme"), views.quota),
    ("/v1/retentions", contract.ListRetentions(actor=ADMIN), [views.retention]),
    ("/v1/flavours", contract.ListFlavours(actor=ADMIN), [views.flavour]),
    ("/v1/namespaces", contract.ListNamespaces(actor=ADMIN), [views.namespace]),
    (
        "/v1/certificates?limit=2&cursor=a",
        contract.ListCertificates(actor=ADMIN, limit=2, cursor="a"),
        [views.certificate],
    ),
    (
        f"/v1/audit?about={views.IMAGE}&actor=ann&cursor=7",
        contract.ListAudit(actor=ADMIN, about=views.IMAGE, actor_name="ann", cursor="7"),
        [views.audit],
    ),
    (
        "/v1/images?text=deb&tag=team%3Da&tag=env&pod=pod-1&owner=acme&hidden=true&sort=-created"
        "&os_type=linux&created_after=2026-01-01T00:00:00Z",
        contract.ListImages(
            actor=ADMIN,
            text="deb",
            tags={"team": "a", "env": ""},
            pod="pod-1",
            owner="acme",
            hidden=True,
            where={"os_type": "linux", "created_after": "2026-01-01T00:00:00Z"},
            sort="-created",
        ),
        [views.image],
    ),
    (
        f"{BASE}/versions?pod=pod-1&hidden=true&sort=size&min_size=5&state=AVAILABLE",
        contract.ListVersions(
            actor=ADMIN,
            image=DEBIAN,
            state="AVAILABLE",
            pod="pod-1",
            hidden=True,
            where={"min_size": "5"},
            sort="size",
        ),
        [views.version],
    ),
    (f"{ONE}/lineage", contract.GetLineage(actor=ADMIN, image=DEBIAN, number="1.0.0"), [views.ancestor]),
    (
        f"{BASE}/versions/1.0/users?limit=5",
        contract.GetUsers(actor=ADMIN, image=DEBIAN, number="1.0", limit=5),
        [views.user],
    ),
    (f"{BASE}/markers", contract.ListMarkers(actor=ADMIN, image=DEBIAN), [views.marker]),
    (
        f"{BASE}/markers?limit=2&cursor=a",
        contract.ListMarkers(actor=ADMIN, image=DEBIAN, limit=2, cursor="a"),
        [views.marker],
    ),
    (PROD, contract.GetMarker(actor=ADMIN, image=DEBIAN, marker="prod"), views.marker),
    (
        "/v1/assignments?image=default/debian&pod=pod-2&state=IN_SYNC",
        contract.ListAssignments(actor=ADMIN, image=DEBIAN, pod="pod-2", state="IN_SYNC"),
        [views.assignment],
    ),
    (DESKS, contract.GetAssignment(actor=ADMIN, assignment="desks"), views.assignment),
    (
        f"{DESKS}/seats?pod=pod-2&state=READY",
        contract.ListSeats(actor=ADMIN, assignment="desks", pod="pod-2", state="READY"),
        [views.seat],
    ),
    (
        f"/v1/jobs?image={views.IMAGE}&sort=-updated&actor=ann",
        contract.ListJobs(actor=ADMIN, image=views.IMAGE, where={"actor": "ann"}, sort="-updated"),
        [views.job],
    ),
]


TAGS = {"marker", "rollout", "assignment", "pool"}


def untagged(value: object) -> object:
    """JSON without the internal tags of the views in it."""
    match value:
        case dict():
            own = value.get("type") in TAGS
            return {key: untagged(part) for key, part in value.items() if not (own and key == "type")}
        case list():
            return [untagged(part) for part in value]
    return value


@pytest.mark.parametrize(("url", "asked", "answer"), READS, ids=[url for url, _, _ in READS])
async def test_a_read_asks_the_catalog_and_answers_its_view(
    house: House, url: str, asked: contract.Request, answer: Any
) -> None:
    response = await house.http.get(url)
    assert response.status_code == 200, response.text
    assert house.services.last == asked
    body = response.json()
    if isinstance(answer, list):
        assert body["items"] == [untagged(plain(view)) for view in answer]
        assert "next" in body
    else:
        assert body == untagged(plain(answer))


async def test_the_log_says_where_it_stands_and_a_preview_how_much_it_looked_at(house: House) -> None:
    body = (await house.http.get("/v1/audit")).json()
    assert (body["sequence"], body["head"], body["items"][0]["after"]) == (1, "d" * 64, {"description": "x"})
    body = (await house.http.post("/v1/retentions/old/preview")).json()
    assert (body["looked_at"], body["items"][0]["reason"]) == (9, "Old.")


def command(kind: type[contract.Command], /, **fields: Any) -> contract.Command:
    return kind(actor=ADMIN, id=KEY, **fields)


JOB = f"/v1/jobs/{views.JOB}"
WRITES: list[tuple[str, str, Any, contract.Request, int, str]] = [
    (
        "POST",
        "/v1/galleries",
        {"name": "lab", "quota": {"versions": 5}, "soft_delete": {"enabled": True}},
        command(contract.CreateGallery, name="lab", quota=Quota(versions=5), soft_delete=SoftDelete(enabled=True)),
        201,
        "/v1/galleries/lab",
    ),
    (
        "PUT",
        "/v1/quotas/acme",
        {"images": 3},
        command(contract.SetQuota, tenant="acme", quota=Quota(images=3)),
        200,
        "",
    ),
    ("PUT", "/v1/retentions/old", RULE, command(contract.SetRetention, retention=RETENTION), 200, ""),
    ("DELETE", "/v1/retentions/old", None, command(contract.DropRetention, name="old"), 204, ""),
    ("POST", "/v1/retentions/old/run", None, command(contract.RunRetention, name="old"), 204, ""),
    (
        "POST",
        "/v1/retentions/old/preview",
        RULE,
        contract.PreviewRetention(actor=ADMIN, retention=RETENTION),
        200,
        "",
    ),
    ("POST", "/v1/retentions/old/preview", None, contract.PreviewRetention(actor=ADMIN, name="old"), 200, ""),
    (
        "PUT",
        "/v1/flavours/thin",
        {"models": ["T1"]},
        command(contract.SetFlavour, flavour=Flavour(name="thin", models=("T1",))),
        200,
        "",
    ),
    ("DELETE", "/v1/flavours/thin", None, command(contract.DropFlavour, name="thin"), 204, ""),
    (
        "PUT",
        "/v1/namespaces/acme",
        {"closed": True, "properties": {"tier": {"type": "integer", "enum": [1, 2.5, "x"]}}, "tags": {"env": ["p"]}},
        command(
            contract.SetNamespace,
            namespace=Namespace(
                name="acme",
                closed=True,
                properties={"tier": Property(type="integer", enum=(1, 2.5, "x"))},
                tags={"env": ("p",)},
            ),
        ),
        200,
        "",
    ),
    ("DELETE", "/v1/namespaces/acme", None, command(contract.DropNamespace, name="acme"), 204, ""),
    (
        "PUT",
        "/v1/certificates/vendor",
        {"pem": "-----BEGIN"},
        command(contract.SetCertificate, name="vendor", pem="-----BEGIN"),
        200,
        "",
    ),
    ("DELETE", "/v1/certificates/vendor", None, command(contract.DropCertificate, name="vendor"), 204, ""),
    (
        "POST",
        "/v1/images",
        {
            "name": "fedora",
            "generation": "V2",
            "identifier": {"publisher": "acme", "offer": "a", "sku": "b"},
            "tags": {"env": "prod"},
            "details": {
                "vcpus": {"min": 2},
                "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
                "properties": {"acme.tier": 1, "note": "x"},
                "hold_until_validated": True,
            },
        },
        command(
            contract.RegisterImage,
            name="fedora",
            generation="V2",
            identifier=Identifier(publisher="acme", offer="a", sku="b"),
            tags={"env": "prod"},
            details=Details(
                vcpus=Range(min=2),
                features=(Feature(name="SecurityType", value="TrustedLaunchSupported"),),
                properties={"acme.tier": 1, "note": "x"},
                hold_until_validated=True,
            ),
        ),
        201,
        f"/v1/images/{views.IMAGE}",
    ),
    ("DELETE", BASE, None, command(contract.DeleteImage, image=DEBIAN), 204, ""),
    ("POST", f"{BASE}/disable", None, command(contract.SetEnabled, image=DEBIAN, enabled=False), 204, ""),
    ("POST", f"{BASE}/enable", None, command(contract.SetEnabled, image=DEBIAN, enabled=True), 204, ""),
    (
        "POST",
        f"{BASE}/protect",
        {"cool_down": 24},
        command(contract.SetProtection, image=DEBIAN, protected=True, cool_down=24.0),
        204,
        "",
    ),
    ("POST", f"{BASE}/unprotect", None, command(contract.SetProtection, image=DEBIAN, protected=False), 204, ""),
    (
        "POST",
        f"{BASE}/deprecate",
        {"state": "DEPRECATED", "replacement": "default/fedora"},
        command(contract.SetDeprecation, image=DEBIAN, state="DEPRECATED", replacement="default/fedora"),
        204,
        "",
    ),
    (
        "POST",
        f"{BASE}/versions",
        {
            "origin": {"image": "lab/base", "number": "latest", "pod": "pod-2"},
            "release_notes": "It is new.",
            "exclude_from_latest": True,
        },
        command(
            contract.ImportVersion,
            image=DEBIAN,
            origin=Origin(image="lab/base", number="latest", pod="pod-2"),
            release_notes="It is new.",
            exclude_from_latest=True,
        ),
        202,
        JOB,
    ),
    (
        "POST",
        f"{BASE}/versions",
        {"source": {"pod": "pod-1", "kind": "snapshot", "name": "before"}, "snapshot": True, "snapshot_name": "s"},
        command(
            contract.ImportVersion,
            image=DEBIAN,
            source=Source(pod="pod-1", kind="snapshot", name="before"),
            snapshot=True,
            snapshot_name="s",
        ),
        202,
        JOB,
    ),
    (
        "POST",
        f"{BASE}/versions",
        {
            "source": {"pod": "pod-1", "kind": "file", "name": "a.xz"},
            "plugins": ["image_decompression", "anything"],
            "signature": {"value": "c2lnbmF0dXJl", "key_type": "ECC_SECP384R1", "certificate": "vendor"},
        },
        command(
            contract.ImportVersion,
            image=DEBIAN,
            source=Source(pod="pod-1", kind="file", name="a.xz"),
            plugins=("image_decompression", "anything"),
            signature=Signature(value="c2lnbmF0dXJl", key_type="ECC_SECP384R1", certificate="vendor"),
        ),
        202,
        JOB,
    ),
    (
        "POST",
        f"{BASE}/versions",
        {"source": {"pod": "pod-1", "kind": "file", "name": "a"}, "plugins": []},
        command(contract.ImportVersion, image=DEBIAN, source=Source(pod="pod-1", kind="file", name="a"), plugins=()),
        202,
        JOB,
    ),
    (
        "DELETE",
        f"{ONE}?bypass_soft_delete=true&force=true",
        None,
        command(contract.DeleteVersion, image=DEBIAN, number="1.0.0", bypass_soft_delete=True, force=True),
        202,
        JOB,
    ),
    (
        "POST",
        f"{ONE}/disable",
        None,
        command(contract.SetEnabled, image=DEBIAN, number="1.0.0", enabled=False),
        204,
        "",
    ),
    ("POST", f"{ONE}/enable", None, command(contract.SetEnabled, image=DEBIAN, number="1.0.0", enabled=True), 204, ""),
    (
        "POST",
        f"{ONE}/protect",
        None,
        command(contract.SetProtection, image=DEBIAN, number="1.0.0", protected=True),
        204,
        "",
    ),
    (
        "POST",
        f"{ONE}/unprotect",
        None,
        command(contract.SetProtection, image=DEBIAN, number="1.0.0", protected=False),
        204,
        "",
    ),
    (
        "POST",
        f"{ONE}/deprecate",
        {"state": "OBSOLETE", "replacement": "1.1.0"},
        command(contract.SetDeprecation, image=DEBIAN, number="1.0.0", state="OBSOLETE", replacement="1.1.0"),
        204,
        "",
    ),
    (
        "PUT",
        PROD,
        {"number": "1.1.0", "rings": [{"pods": ["pod-1"]}, {"labels": {"site": ["north"]}}], "failures": 1},
        command(
            contract.MoveMarker,
            image=DEBIAN,
            marker="prod",
            number="1.1.0",
            rings=(Ring(pods=("pod-1",)), Ring(labels={"site": ("north",)})),
            failures=1,
        ),
        200,
        "",
    ),
    ("POST", f"{PROD}/rollback", None, command(contract.RollbackMarker, image=DEBIAN, marker="prod"), 200, ""),
    (
        "POST",
        f"{PROD}/rollout",
        {"verb": "halt"},
        command(contract.SteerRollout, image=DEBIAN, marker="prod", verb="halt"),
        200,
        "",
    ),
    ("DELETE", PROD, None, command(contract.DropMarker, image=DEBIAN, marker="prod"), 204, ""),
    (
        "POST",
        "/v1/assignments",
        {
            "name": "desks",
            "image": DEBIAN,
            "marker": "prod",
            "pods": ["pod-1", "pod-2"],
            "seats": 4,
            "customisation": {"host_name": "desk-{n}", "accounts": [{"name": "ann", "secret": "ann-password"}]},
            "shape": {"vcpus": 4},
            "disks": [{"lun": 1, "size_gib": 10}],
        },
        command(
            contract.CreateAssignment,
            name="desks",
            image=DEBIAN,
            marker="prod",
            pods=("pod-1", "pod-2"),
            seats=4,
            customisation=msgspec.convert(
                {"host_name": "desk-{n}", "accounts": [{"name": "ann", "secret": "ann-password"}]}, Customisation
            ),
            shape=Shape(vcpus=4),
            disks=(DataDisk(lun=1, size_gib=10),),
        ),
        202,
        JOB,
    ),
    (
        "POST",
        "/v1/assignments",
        {"name": "kiosk", "image": views.IMAGE, "pods": ["pod-1"], "endpoints": [{"name": "e1", "model": "C200V"}]},
        command(
            contract.CreateAssignment,
            name="kiosk",
            image=views.IMAGE,
            pods=("pod-1",),
            endpoints=(Endpoint(name="e1", model="C200V"),),
        ),
        202,
        JOB,
    ),
    (
        "POST",
        f"{DESKS}/disks",
        {"lun": 2, "size_gib": 20},
        command(contract.AddDisk, assignment="desks", disk=DataDisk(lun=2, size_gib=20)),
        202,
        JOB,
    ),
    ("POST", f"{DESKS}/rebuild", None, command(contract.RebuildAssignment, assignment="desks"), 202, JOB),
    (
        "POST",
        f"{DESKS}/rebuild",
        {"pods": ["pod-2"]},
        command(contract.RebuildAssignment, assignment="desks", pods=("pod-2",)),
        202,
        JOB,
    ),
    (
        "POST",
        f"{DESKS}/switch",
        {"image": "default/fedora", "number": "2.0", "accept_eula": True},
        command(contract.SwitchImage, assignment="desks", image="default/fedora", number="2.0", accept_eula=True),
        202,
        JOB,
    ),
    (
        "POST",
        f"{DESKS}/duplicate",
        {"name": "desks-2"},
        command(contract.DuplicateAssignment, assignment="desks", name="desks-2"),
        202,
        JOB,
    ),
    (
        "DELETE",
        f"{DESKS}?force=true",
        None,
        command(contract.DropAssignment, assignment="desks", force=True),
        202,
        JOB,
    ),
    ("POST", f"{JOB}/cancel", None, command(contract.CancelJob, job=views.JOB), 202, JOB),
    ("POST", f"{JOB}/retry", None, command(contract.RetryJob, job=views.JOB), 202, JOB),
]


@pytest.mark.parametrize(
    ("method", "url", "body", "asked", "status", "location"),
    WRITES,
    ids=[f"{method} {url} {'' if body is None else 'body'}" for method, url, body, *_ in WRITES],
)
async def test_a_write_is_one_command_of_the_catalog(
    house: House, method: str, url: str, body: Any, asked: contract.Request, status: int, location: str
) -> None:
    sent = {} if body is None else {"json": body}
    response = await house.http.request(method, url, headers={"idempotency-key": "k"}, **sent)
    assert response.status_code == status, response.text
    assert response.headers.get("location", "") == location
    assert house.services.last == asked
