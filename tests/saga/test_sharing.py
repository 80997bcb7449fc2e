"""Sharing end to end: offers, copies of one's own, deliveries, and what is taken back while it is used."""

from pathlib import Path
from typing import Any

import pytest

from contracts.desktops import Customisation
from contracts.errors import Problem
from contracts.events import hub
from contracts.limits import Limits
from contracts.principals import above
from contracts.requests import (
    Actor,
    AnswerOffer,
    Command,
    CreateAssignment,
    GetAssignment,
    GetImage,
    GetJob,
    ImportVersion,
    ListImages,
    ListShares,
    OfferImages,
    Origin,
    PairPage,
    RebuildAssignment,
    RevokeOffers,
    SetPodLimits,
    SetPodTenants,
    command_id,
)
from contracts.views import AssignmentView, ImageView, JobView, PodView, ShareView, VersionView
from harness.asking import ENDED
from harness.house import House
from runtime.ids import new_id
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPERATOR = Actor(tenant="default", name="operator", roles=("operator",))
PROFILE = Customisation(host_name="desk-{n}")
SLOW = 256 * 1024
"""Bytes a second, at which a copy of a test's disk takes many seconds."""


def of(tenant: str, account: str = "", unit: str = "") -> Actor:
    """An owner of a tenant, as the gateway says who he is."""
    return Actor(tenant=tenant, name="jo", roles=("owner",), principals=above(tenant, account, unit))


async def do(home: House, actor: Actor, kind: type[Command], **fields: Any) -> Any:
    """The reply to a command of somebody."""
    return await home.ask(kind(id=command_id(actor, new_id()), actor=actor, **fields))


async def available(home: House, name: str, seed: int, **more: Any) -> VersionView:
    """A version of an image of its own that is AVAILABLE on pods of the installation."""
    home.site("pod-1").vm(name, raw(40, seed))
    version = await home.imported(f"default/{name}", name=name)
    job, version = await home.published(version.number, f"default/{name}", **more)
    assert job.state == "SUCCESS", job
    return version


async def offered(home: House, version: VersionView, member: str) -> None:
    page = await home.command(OfferImages, images=(version.image,), members=(member,), acknowledged=True)
    assert isinstance(page, PairPage), page
    assert [(pair.code, pair.state) for pair in page.items] == [("", "PENDING")]
    await home.quiet()


async def revoked(home: House, version: VersionView, member: str) -> None:
    page = await home.command(RevokeOffers, images=(version.image,), members=(member,))
    assert isinstance(page, PairPage), page
    assert [pair.code for pair in page.items] == [""]


async def listed(home: House, actor: Actor) -> set[str]:
    page = await home.ask(ListImages(actor=actor))
    return {image.id for image in page.items}


async def code_of(home: House, actor: Actor, image: str) -> str:
    """Why somebody cannot read an image; empty where he can."""
    found = await home.ask(GetImage(actor=actor, image=image))
    return found.code if isinstance(found, Problem) else ""


def seat_disks(home: House, pod: str, assignment: str) -> dict[Path, bytes]:
    root = home.site(pod).root / "pools" / assignment
    return {path: path.read_bytes() for path in sorted(root.rglob("disk-*")) if path.is_file()}


async def test_e1_e2_e5_what_is_offered_is_read_at_once_listed_when_accepted_and_gone_when_taken_back(
    home: House,
) -> None:
    version, beta = await available(home, "lent", 31), of("beta")
    assert await code_of(home, beta, version.image) == "image_not_found"
    await offered(home, version, "beta")
    assert await code_of(home, beta, version.image) == ""
    assert version.image not in await listed(home, beta)
    (share,) = (await home.ask(ListShares(actor=beta))).items
    assert (share.owner, share.name, share.state) == ("default", "lent", "PENDING")

    taken = await do(home, beta, AnswerOffer, image=version.image, answer="accept")
    assert isinstance(taken, ShareView), taken
    await home.quiet()
    assert version.image in await listed(home, beta)
    made = await do(
        home, beta, CreateAssignment, name="lab", image=version.image, number="1.0.0", pods=("pod-2",),
        customisation=PROFILE,
    )  # fmt: skip
    assert isinstance(made, AssignmentView), made

    async def runs() -> bool:
        view = await home.ask(GetAssignment(actor=beta, assignment=made.id))
        return all(pool.state == "IN_SYNC" for pool in view.pods)

    await home.record.until(runs, 30)
    before = seat_disks(home, "pod-2", made.id)
    assert before

    await revoked(home, version, "beta")
    await home.quiet()
    assert await code_of(home, beta, version.image) == "image_not_found"
    assert version.image not in await listed(home, beta)
    again = await do(
        home, beta, CreateAssignment, name="more", image=version.image, number="1.0.0", pods=("pod-2",),
        customisation=PROFILE,
    )  # fmt: skip
    assert isinstance(again, Problem)
    assert again.code == "image_not_found"
    rebuilt = await do(home, beta, RebuildAssignment, assignment=made.id)
    assert isinstance(rebuilt, Problem)
    assert rebuilt.code == "share_revoked"
    assert seat_disks(home, "pod-2", made.id) == before, "what runs goes on"


async def test_e10_a_copy_in_ones_own_catalog_stays_when_the_offer_is_taken_back(home: House) -> None:
    version, gamma = await available(home, "given", 32), of("gamma")
    await offered(home, version, "gamma")
    accepted = await do(
        home, gamma, ImportVersion, image="default/kept", create=True,
        origin=Origin(image=version.image, number="1.0.0", pod="pod-2"),
    )  # fmt: skip

    async def ended() -> JobView | None:
        view = await home.ask(GetJob(actor=gamma, job=accepted.job))
        return view if view.state in ENDED else None

    job = await home.record.until(ended, 30)
    assert job.state == "SUCCESS", job
    await revoked(home, version, "gamma")
    await home.quiet()
    own = await home.ask(GetImage(actor=gamma, image="default/kept"))
    assert isinstance(own, ImageView), own
    assert (own.tenant, own.latest) == ("gamma", None)
    assert home.site("pod-2").disk(accepted.version, 0).read_bytes() == raw(40, 32)
    assert await code_of(home, of("default"), own.id) == "image_not_found", "it is nobody else's"


async def test_e4_a_tenant_that_leaves_the_organisation_loses_what_was_shared_with_it(home: House) -> None:
    version = await available(home, "corporate", 33)
    await offered(home, version, "org:corp/europe")
    inside, outside = of("delta", "delta-group", "corp/europe/sales"), of("delta", "delta-group", "corp/asia")
    assert await code_of(home, inside, version.image) == ""
    taken = await do(home, inside, AnswerOffer, image=version.image, answer="accept")
    assert isinstance(taken, ShareView), taken
    assert taken.via == "org:corp/europe"
    await home.quiet()
    assert version.image in await listed(home, inside)
    assert await code_of(home, outside, version.image) == "image_not_found"
    assert version.image not in await listed(home, outside)


async def test_f15_a_delivery_that_runs_when_the_offer_is_taken_back_stops_and_leaves_nothing(home: House) -> None:
    version, beta = await available(home, "delivered", 34, pods=("pod-1", "pod-2")), of("beta")
    bound = await do(home, OPERATOR, SetPodTenants, pod="pod-3", tenants=("beta",))
    assert isinstance(bound, PodView), bound
    slowed = await do(home, OPERATOR, SetPodLimits, pod="pod-3", limits=Limits(receive=SLOW))
    assert isinstance(slowed, PodView), slowed
    await home.quiet()
    await offered(home, version, "beta")
    taken = await do(home, beta, AnswerOffer, image=version.image, answer="accept", pods=("pod-3",))
    assert isinstance(taken, ShareView), taken
    await home.record.until(lambda: bool(home.site("pod-3").staging()), 15)

    await revoked(home, version, "beta")
    await home.record.until(lambda: not home.site("pod-3").staging(), 5)
    await home.quiet()
    assert version.id not in home.site("pod-3").items()
    assert not [said for said in home.record.of(hub.CopyAvailable, version=version.id) if said.event.pod == "pod-3"]
    (requested,) = home.record.of(hub.ShareDeliveryRequested, image=version.image)
    job = await home.ask(GetJob(actor=beta, job=requested.event.delivery))
    assert (job.kind, job.state) == ("deliver", "CANCELLED")

    await do(home, OPERATOR, SetPodLimits, pod="pod-3", limits=Limits())
    await offered(home, version, "beta")
    await do(home, beta, AnswerOffer, image=version.image, answer="accept", pods=("pod-3",))
    await home.record.until(lambda: version.id in home.site("pod-3").items(), 30)
    await home.quiet()
    assert home.site("pod-3").holds(version.id, version.manifest)
    await do(home, OPERATOR, SetPodTenants, pod="pod-3", tenants=())
