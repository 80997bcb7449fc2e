"""Signatures of images: a tenant's certificates, and an import whose content must be what was signed (B14)."""

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from catalog.audit import INSERT as AUDIT
from catalog.documents import CERTIFICATE, DEFINED, GALLERY, NUMBER, certificate_key, gallery_key, number_key
from catalog.queries import queries
from contracts.events.from_pods import SourceInspected
from contracts.events.hub import VersionFailed
from contracts.events.to_pods import SourceDiscarded
from contracts.manifest import Disk
from contracts.preparation import Signature
from contracts.requests import Done, DropCertificate, ListCertificates, RetryJob, SetCertificate
from contracts.views import CertificateView
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, World, disk, manifest, refused
from core.driver import START
from core.readside import stored
from harness.signers import Signer

CONTENT = b"a disk that somebody signed"
RSA = rsa.generate_private_key(65537, 2048)
SIGNERS: dict[str, Signer] = {
    "RSA-PSS": Signer(RSA, begin=START),
    "ECC_SECP384R1": Signer(begin=START),
    "ECC_SECP521R1": Signer(ec.generate_private_key(ec.SECP521R1()), begin=START),
}
STRANGERS = {
    "RSA-PSS": Signer(rsa.generate_private_key(65537, 2048)),
    "ECC_SECP384R1": Signer(),
    "ECC_SECP521R1": Signer(ec.generate_private_key(ec.SECP521R1())),
}
P384 = SIGNERS["ECC_SECP384R1"]


def keep(world: World, pem: str, name: str = "vendor", actor: Any = ADA) -> Any:
    return world.ask(SetCertificate(id=world.command_id(), actor=actor, name=name, pem=pem))


def drop(world: World, name: str = "vendor", actor: Any = ADA) -> Any:
    return world.ask(DropCertificate(id=world.command_id(), actor=actor, name=name))


def signature(
    signer: Signer = P384, kind: Any = "ECC_SECP384R1", content: bytes = CONTENT, certificate: str = "vendor"
) -> Signature:
    value = base64.b64encode(signer.sign(content)).decode()
    return Signature(value=value, key_type=kind, certificate=certificate)


def signed_disk(content: bytes = CONTENT) -> Disk:
    return msgspec.structs.replace(disk(), sha256=hashlib.sha256(content).hexdigest())


def kept(kind: str = "ECC_SECP384R1") -> World:
    """A world in which the tenant has the certificate of a signer."""
    world = World()
    assert isinstance(keep(world, SIGNERS[kind].pem), CertificateView)
    return world


@pytest.mark.parametrize("kind", sorted(SIGNERS))
def test_b14_a_version_whose_file_is_the_one_that_was_signed_is_deployed(kind: str) -> None:
    world = kept(kind)
    given = signature(SIGNERS[kind], kind)
    accepted = world.import_(signature=given)
    assert "version.deployed" in world.said(world.prepared(accepted.version, of=manifest(signed_disk())))
    assert world.version(accepted.version).signature == given


@pytest.mark.parametrize("kind", sorted(SIGNERS))
@pytest.mark.parametrize("wrong", ["content", "value", "key", "two disks", "empty"])
def test_b14_a_bad_signature_fails_the_version_and_nothing_is_ever_published(kind: str, wrong: str) -> None:
    world = kept(kind)
    given, disks = signature(SIGNERS[kind], kind), [signed_disk()]
    match wrong:
        case "content":
            disks = [signed_disk(CONTENT + b"!")]
        case "value":
            raw = bytearray(base64.b64decode(given.value))
            raw[-1] ^= 1
            given = msgspec.structs.replace(given, value=base64.b64encode(raw).decode())
        case "key":
            given = signature(STRANGERS[kind], kind)
        case "two disks":
            disks.append(disk("data", 1))
        case "empty":
            given = msgspec.structs.replace(given, value="AAAAAAAA")
    accepted = world.import_(signature=given, mode="convert")
    world.say(SourceInspected(version=accepted.version, attempt=1, size=4096), "pod:pod-1")
    said = world.events(world.prepared(accepted.version, of=manifest(*disks)))
    failed, discarded = (one for one in said if isinstance(one, VersionFailed | SourceDiscarded))
    assert (failed.failure.code, bool(failed.failure.hint)) == ("image_signature_invalid", True)
    assert (discarded.pod, discarded.given_up) == ("pod-1", True)
    assert (world.state(accepted.version), world.job_state(accepted.job)) == ("FAILED", "FAILURE")
    assert world.get(NUMBER, number_key(accepted.image, accepted.number)) is None
    gallery = world.get(GALLERY, gallery_key("acme", "default"))
    assert gallery is not None
    assert (gallery.usage.versions, gallery.usage.bytes) == (0, 0)
    refused(world.publish(), "version_not_found")
    names = world.said(world.emitted)
    assert not {"version.deployed", "version.publish_requested", "source.released"} & set(names)
    assert world.said(world.prepared(accepted.version, of=manifest(signed_disk()))) == ["source.discarded"]


def test_b14_a_signature_that_cannot_be_checked_is_refused_at_once() -> None:
    world = kept()
    keep(world, SIGNERS["RSA-PSS"].pem, "rsa")
    keep(world, Signer(begin=START + timedelta(hours=5)).pem, "later")
    before = dict(world.documents)
    refused(world.import_(signature=signature(certificate="none")), "certificate_not_found")
    refused(world.import_(actor=EVE, signature=signature()), "certificate_not_found")
    refused(world.import_(signature=signature(certificate="rsa")), "certificate_invalid")
    refused(world.import_(signature=signature(certificate="later")), "certificate_invalid")
    assert world.documents == before
    world.pass_time(2 * 86_400)
    refused(world.import_(signature=signature()), "certificate_invalid")


@pytest.mark.parametrize("meanwhile", ["dropped", "replaced", "expired"])
def test_b14_a_certificate_counts_as_it_is_when_the_source_is_prepared(meanwhile: str) -> None:
    world = World()
    keep(world, P384.pem if meanwhile != "expired" else Signer(P384.key, begin=START, life=timedelta(hours=1)).pem)
    accepted = world.import_(signature=signature())
    match meanwhile:
        case "dropped":
            drop(world)
        case "replaced":
            keep(world, Signer(begin=START).pem)
        case "expired":
            world.pass_time(3700)
    world.prepared(accepted.version, of=manifest(signed_disk()))
    failure = world.version(accepted.version).failure
    assert failure.code == "image_signature_invalid"


def test_b14_a_version_that_was_checked_stays_as_it_is_when_the_certificate_goes() -> None:
    world = kept()
    accepted = world.import_(signature=signature())
    world.prepared(accepted.version, of=manifest(signed_disk()))
    assert isinstance(drop(world), Done)
    assert world.state(accepted.version) == "DEPLOYMENT_DONE"
    refused(drop(world), "certificate_not_found")


def test_b14_a_retry_asks_for_the_same_signature() -> None:
    world = kept()
    accepted = world.import_(signature=signature())
    world.prepared(accepted.version, of=manifest(signed_disk(b"other")))
    again: Any = world.ask(RetryJob(id=world.command_id(), actor=ADA, job=accepted.job))
    assert world.version(again.version).signature == world.version(accepted.version).signature


def private(key: Any) -> str:
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


UNUSABLE = {
    "empty": "",
    "text": "no certificate",
    "broken": P384.pem.replace("MII", "AAA", 1),
    "two": P384.pem * 2,
    "private key": P384.pem + private(P384.key),
    "not ASCII": "-----BEGIN CERTIFICATE-----\n\u00e4\n-----END CERTIFICATE-----\n",
    "short RSA key": Signer(rsa.generate_private_key(65537, 1024), begin=START).pem,
    "another curve": Signer(ec.generate_private_key(ec.SECP256R1()), begin=START).pem,
    "expired": Signer(begin=START - timedelta(days=3)).pem,
    "public key": ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode(),
}


@pytest.mark.parametrize("what", sorted(UNUSABLE))
def test_b14_what_is_no_usable_certificate_is_refused(what: str) -> None:
    world = World()
    before = dict(world.documents)
    problem = refused(keep(world, UNUSABLE[what]), "certificate_invalid")
    assert "BEGIN" not in problem.detail
    assert world.documents == before


def test_b14_a_certificate_is_shown_with_what_it_says_and_kept_without_what_stood_beside_it() -> None:
    world = World()
    view = keep(world, f"Subject: somebody\n{P384.pem}\nand more text")
    assert (view.name, view.pem, view.subject) == ("vendor", P384.pem, "CN=vendor")
    assert (view.not_before, view.not_after) == (START, START + timedelta(days=1))
    assert len(view.fingerprint) == 64
    assert [row[4] for statement, row in world.writes if statement == AUDIT] == ["set_certificate"]
    assert keep(world, P384.pem) == view
    drop(world)
    assert [row[4] for statement, row in world.writes if statement == AUDIT][-1] == "drop_certificate"


def test_b14_a_tenant_has_no_more_certificates_than_the_settings_say() -> None:
    world = World(settings=msgspec.structs.replace(SETTINGS, most_certificates=2))
    for name in ("one", "two"):
        keep(world, P384.pem, name)
    refused(keep(world, P384.pem, "three"), "limit_exceeded")
    assert isinstance(keep(world, SIGNERS["RSA-PSS"].pem, "two"), CertificateView), "replacing takes no room"
    assert isinstance(keep(world, P384.pem, "three", EVE), CertificateView), "of each tenant"
    drop(world, "one")
    keep(world, P384.pem, "three")
    defined = world.get(DEFINED, "acme")
    assert defined is not None
    assert defined.certificates == ("three", "two")


def test_b14_another_tenants_certificate_is_not_there() -> None:
    world = kept()
    refused(drop(world, actor=EVE), "certificate_not_found")
    assert world.get(CERTIFICATE, certificate_key("acme", "vendor")) is not None


async def test_b14_certificates_are_listed_by_name_in_pages_of_the_own_tenant(tmp_path: Path) -> None:
    world = World()
    for name in ("c", "a", "b"):
        keep(world, P384.pem, name)
    keep(world, P384.pem, "theirs", EVE)
    answer: Any = queries(SETTINGS)[ListCertificates]
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        first = await answer(ListCertificates(actor=ADA, limit=2), reader)
        assert ([one.name for one in first.items], first.next is None) == (["a", "b"], False)
        second = await answer(ListCertificates(actor=ADA, limit=2, cursor=first.next), reader)
        assert ([one.name for one in second.items], second.next) == (["c"], None)
        theirs = await answer(ListCertificates(actor=EVE, cursor=first.next), reader)
        assert [one.name for one in theirs.items] == ["theirs"]
        refused(await answer(ListCertificates(actor=ADA, cursor="nonsense"), reader), "bad_request")
        refused(await answer(ListCertificates(actor=ADA, limit=0), reader), "validation_failed")
