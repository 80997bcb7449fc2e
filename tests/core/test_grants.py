"""Leave to go through pods' doors: who gets it, for what, and that no token is good for anything else."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.names import GATEWAY
from contracts.requests import Actor, AdmitExport, AdmitUpload
from contracts.views import ExportGrantView, UploadGrantView
from core.driver import Driver
from core.replicating import MANIFEST, TENANT, VERSION, House, finalised
from replicator.documents import POD
from replicator.domain.pod import Connected, Draining, Offline, Removed
from replicator.handlers import Config, reactions
from runtime.signing import PrivateKey
from runtime.tickets import Signer, TicketError, verify
from runtime.upload_tickets import UploadSigner, claimed, verify_upload

KEY = PrivateKey.generate()
OWNER = Actor(tenant=TENANT, name="ann", roles=("owner",))
STRANGER = Actor(tenant="other", name="eve", roles=("owner",))
SIZE = 10 * 2**30


def house(*pods: str) -> House:
    found = House(*pods)
    found.reactions = reactions(Config(sign=Signer(KEY).sign, uploads=UploadSigner(KEY)))
    return found


def upload(house: Driver, actor: Actor = OWNER, **more: Any) -> Any:
    fields: dict[str, Any] = {"pod": "pod-1", "name": "disk.raw", "size": SIZE, "upload": None, "bearer": GATEWAY}
    return house.ask(AdmitUpload(actor=actor, id=house.new_id(), **(fields | more)))


def export(house: Driver, actor: Actor = OWNER, **more: Any) -> Any:
    fields: dict[str, Any] = {"version": VERSION, "bearer": GATEWAY}
    return house.ask(AdmitExport(actor=actor, id=house.new_id(), **(fields | more)))


def become(house: House, pod: str, kind: type[Any]) -> None:
    found = house.get(POD, pod)
    assert isinstance(found, Connected)
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    if kind is Removed:
        fields["removed"] = found.last_seen
    house.documents[POD.name, pod] = msgspec.json.encode(kind(**fields))


def test_an_upload_is_named_and_its_ticket_says_whose_it_is_and_for_which_file() -> None:
    world = house("pod-1")
    grant = upload(world)
    assert isinstance(grant, UploadGrantView)
    named = UploadSigner(KEY).named(grant.upload)
    assert claimed(grant.upload) == named
    assert (named.tenant, named.pod, named.name, named.size) == (TENANT, "pod-1", "disk.raw", SIZE)
    ticket = verify_upload(grant.ticket, KEY.public, grant.expires - timedelta(seconds=1))
    assert (ticket.bearer, ticket.pod, ticket.name, ticket.size, ticket.id) == (
        GATEWAY, "pod-1", "disk.raw", SIZE, named.id,
    )  # fmt: skip
    with pytest.raises(TicketError, match="expired"):
        verify_upload(grant.ticket, KEY.public, grant.expires)


def test_an_upload_goes_on_for_its_tenant_and_its_file_only() -> None:
    world = house("pod-1", "pod-2")
    grant = upload(world)
    again = upload(world, upload=grant.upload)
    assert again.upload == grant.upload
    forged = UploadSigner(PrivateKey.generate()).name(claimed(grant.upload))
    refused = [
        upload(world, STRANGER, upload=grant.upload),
        upload(world, upload=grant.upload, name="other.raw"),
        upload(world, upload=grant.upload, size=SIZE + 1),
        upload(world, upload=grant.upload, pod="pod-2"),
        upload(world, upload=forged),
        upload(world, upload=grant.ticket),
        upload(world, upload="nonsense"),
    ]
    assert [problem.code for problem in refused] == ["upload_not_found"] * len(refused)


@pytest.mark.parametrize(
    ("kind", "begins", "goes_on"),
    [
        (Offline, "pod_offline", "pod_offline"),
        (Draining, "pod_draining", None),
        (Removed, "pod_not_found", "pod_not_found"),
    ],
)
def test_a_pod_that_takes_nothing_takes_no_file(kind: type[Any], begins: str, goes_on: str | None) -> None:
    world = house("pod-1")
    grant = upload(world)
    become(world, "pod-1", kind)
    assert upload(world).code == begins
    again = upload(world, upload=grant.upload)
    assert (again.code if isinstance(again, Problem) else None) == goes_on
    assert upload(world, pod="pod-9").code == "pod_not_found"


def test_a_refusal_is_not_repeated_when_its_reason_is_gone() -> None:
    world = house("pod-1")
    here = world.documents[POD.name, "pod-1"]
    become(world, "pod-1", Offline)
    asked = AdmitUpload(
        actor=OWNER, id=world.new_id(), pod="pod-1", name="disk.raw", size=SIZE, upload=None, bearer=GATEWAY
    )
    refused = world.ask(asked)
    assert isinstance(refused, Problem)
    assert refused.code == "pod_offline"
    world.documents[POD.name, "pod-1"] = here
    assert isinstance(world.ask(asked), UploadGrantView)


def test_a_version_is_read_by_its_own_tenant_from_those_who_hold_it() -> None:
    world = house("pod-1", "pod-2", "pod-3")
    assert export(world).code == "version_not_found"
    world.publish()
    world.pod("pod-2", finalised("pod-2"))
    grant = export(world)
    assert isinstance(grant, ExportGrantView)
    assert {holder.pod for holder in grant.holders} == {MANIFEST.source.pod, "pod-2"}
    ticket = verify(grant.ticket, KEY.public, grant.expires - timedelta(seconds=1))
    assert (ticket.pod, ticket.roots) == (GATEWAY, tuple(disk.root for disk in MANIFEST.disks))
    assert export(world, STRANGER).code == "version_not_found"
    assert [holder.pod for holder in export(world, pod="pod-2").holders] == ["pod-2"]
    assert export(world, pod="pod-3").code == "export_unavailable"


def test_who_is_not_in_touch_is_not_named() -> None:
    world = house("pod-1", "pod-2")
    world.publish()
    world.pod("pod-2", finalised("pod-2"))
    become(world, "pod-2", Offline)
    become(world, MANIFEST.source.pod, Offline)
    assert export(world).code == "export_unavailable"


def test_no_token_is_good_for_what_another_is_for() -> None:
    world = house("pod-1")
    world.publish()
    given, read = upload(world), export(world)
    now = given.expires - timedelta(minutes=1)
    for token in (given.upload, given.ticket):
        with pytest.raises(TicketError, match="bad_signature"):
            verify(token, KEY.public, now)
    for token in (given.upload, read.ticket):
        with pytest.raises(TicketError, match="bad_signature"):
            verify_upload(token, KEY.public, now)
    for token in (given.ticket, read.ticket):
        with pytest.raises(TicketError, match="bad_signature"):
            UploadSigner(KEY).named(token)
