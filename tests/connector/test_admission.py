"""What a connector believes: the hub's tickets and the hub's word for the content of a version, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pods import Hub

from connector.admission import Tickets, Vouched
from connector.failures import Refused
from connector.transfer.entry import NotAdmittedError
from contracts.manifest import Disk, Manifest, Source

DISK = Disk(role="os", lun=0, format="raw", size=4096, virtual_size=4096, root="a" * 64, sha256="b" * 64)
MANIFEST = Manifest(disks=(DISK,), source=Source(pod="pod-1", name="golden"), created=datetime(2024, 5, 1, tzinfo=UTC))


def now() -> datetime:
    return datetime.now(UTC)


def refusal(vouched: Vouched, version: str, manifest: Manifest) -> tuple[str, bool]:
    with pytest.raises(Refused) as caught:
        vouched(version, manifest)
    return caught.value.failure.code, caught.value.failure.retry


def test_content_that_the_hub_vouched_for_is_believed_and_no_other(hub: Hub) -> None:
    vouched = Vouched(hub.manifest_key)
    vouched("v1", hub.vouched("v1", MANIFEST))
    assert refusal(vouched, "v1", MANIFEST) == ("signature_invalid", False)
    assert refusal(vouched, "v2", hub.vouched("v1", MANIFEST)) == ("signature_invalid", False)


def test_content_waits_for_a_hub_whose_key_is_not_there_yet(hub: Hub, tmp_path: Path) -> None:
    late = tmp_path / "late.pub"
    vouched = Vouched(late)
    assert refusal(vouched, "v1", hub.vouched("v1", MANIFEST)) == ("signature_invalid", True)
    late.write_bytes(hub.manifest_key.read_bytes())
    vouched("v1", hub.vouched("v1", MANIFEST))


def test_the_key_for_tickets_vouches_for_no_content(hub: Hub) -> None:
    assert refusal(Vouched(hub.public), "v1", hub.vouched("v1", MANIFEST)) == ("signature_invalid", False)


def test_a_ticket_opens_until_it_ends_and_then_says_that_it_ended(hub: Hub) -> None:
    tickets = Tickets(hub.public)
    assert tickets(hub.ticket(MANIFEST), now()).roots == (DISK.root,)
    for token, expired in ((hub.ticket(MANIFEST, seconds=-1), True), ("forged", False)):
        with pytest.raises(NotAdmittedError) as caught:
            tickets(token, now())
        assert (caught.value.status, caught.value.expired) == (401, expired)


def test_nobody_is_let_in_before_the_hubs_key_is_there(hub: Hub, tmp_path: Path) -> None:
    tickets = Tickets(tmp_path / "late.pub")
    with pytest.raises(NotAdmittedError) as caught:
        tickets(hub.ticket(MANIFEST), now())
    assert caught.value.status == 503
    (tmp_path / "late.pub").write_bytes(hub.public.read_bytes())
    assert tickets(hub.ticket(MANIFEST), now()).pod == "pod-x"
