"""The Python client against the door: what its methods about sharing and about who is who ask and give back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from api import sharing, views
from api.backend import TOKEN
from api.house import House
from api.test_routes import ADMIN
from api.test_sharing import COMMUNITY, DEBIAN, UNTIL
from contracts import requests as contract
from imprint.client import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def client(house: House) -> AsyncIterator[Client]:
    """The client of the door."""
    async with Client(house.door.url, token=TOKEN) as found:
        yield found


Call = Callable[[Client], Awaitable[Any]]
GRANT = {"principal": "user:acme/jo"}
CALLS: list[tuple[Call, type[contract.Request], dict[str, Any], Any]] = [
    (lambda c: c.members(DEBIAN, "PENDING"), contract.ListMembers, {"image": DEBIAN, "state": "PENDING"},
     [sharing.member]),
    (lambda c: c.offer_images([DEBIAN], ["acme"], acknowledged=True, until=UNTIL, message="Hi"), contract.OfferImages,
     {"images": (DEBIAN,), "members": ("acme",), "acknowledged": True, "until": UNTIL, "message": "Hi"}, ...),
    (lambda c: c.revoke_offers([DEBIAN], ["acme"], grace=2), contract.RevokeOffers,
     {"images": (DEBIAN,), "members": ("acme",), "grace": 2.0}, ...),
    (lambda c: c.set_sharing(DEBIAN, suspended=True), contract.SuspendSharing, {"suspended": True}, None),
    (lambda c: c.set_sharing(DEBIAN, suspended=False), contract.SuspendSharing, {"suspended": False}, None),
    (lambda c: c.sharing_status(DEBIAN), contract.GetSharingStatus, {"image": DEBIAN, "gallery": None}, sharing.status),
    (lambda c: c.sharing_status(gallery="default"), contract.GetSharingStatus, {"gallery": "default", "image": None},
     sharing.status),
    (lambda c: c.share(sharing.OFFERED), contract.GetShare, {"image": sharing.OFFERED}, sharing.share),
    (lambda c: c.accept_offer(sharing.OFFERED, pods=["pod-1"], number="1.0.0"), contract.AnswerOffer,
     {"answer": "accept", "pods": ("pod-1",), "number": "1.0.0"}, sharing.share),
    (lambda c: c.reject_offer(sharing.OFFERED), contract.AnswerOffer, {"answer": "reject", "pods": ()}, sharing.share),
    (lambda c: c.gallery_sharing("default"), contract.GetGallerySharing, {"gallery": "default"},
     sharing.gallery_sharing),
    (lambda c: c.share_gallery("default", {"sharing": "community", "community": COMMUNITY}, 3), contract.ShareGallery,
     {"sharing": "community", "community": contract.Community(**COMMUNITY), "revision": 3}, sharing.gallery_sharing),
    (lambda c: c.grants(DEBIAN), contract.ListGrants, {"image": DEBIAN, "number": None}, [sharing.grant]),
    (lambda c: c.grants(DEBIAN, "1.0.0"), contract.ListGrants, {"image": DEBIAN, "number": "1.0.0"}, [sharing.grant]),
    (lambda c: c.grants(gallery="default"), contract.ListGrants, {"gallery": "default", "image": None},
     [sharing.grant]),
    (lambda c: c.set_grant("user:acme/jo", ["reader"], DEBIAN, "1.0.0"), contract.SetGrant,
     {**GRANT, "image": DEBIAN, "number": "1.0.0", "roles": ("reader",)}, sharing.grant),
    (lambda c: c.drop_grant("user:acme/jo", gallery="default"), contract.DropGrant, {**GRANT, "gallery": "default"},
     None),
    (lambda c: c.set_pod_tenants("pod-1", ["acme", "org:corp/eu"], 2), contract.SetPodTenants,
     {"tenants": ("acme", "org:corp/eu"), "revision": 2}, ...),
    (lambda c: c.units("corp/europe"), contract.ListUnits, {"below": "corp/europe"}, [sharing.unit]),
    (lambda c: c.set_unit("corp/europe", "x"), contract.SetUnit, {"path": "corp/europe", "description": "x"},
     sharing.unit),
    (lambda c: c.drop_unit("corp/europe"), contract.DropUnit, {"path": "corp/europe"}, None),
    (lambda c: c.accounts("corp"), contract.ListAccounts, {"unit": "corp"}, [sharing.account]),
    (lambda c: c.set_account("x", unit="corp/europe"), contract.SetAccount, {"name": "x", "unit": "corp/europe"},
     sharing.account),
    (lambda c: c.drop_account("x"), contract.DropAccount, {"name": "x"}, None),
    (lambda c: c.tenants("x"), contract.ListTenants, {"account": "x"}, [sharing.tenant]),
    (lambda c: c.tenant("acme"), contract.GetTenant, {"name": "acme"}, sharing.tenant),
    (lambda c: c.set_tenant("acme", account="x", disabled=True), contract.SetTenant,
     {"account": "x", "disabled": True}, sharing.tenant),
    (lambda c: c.tenant_users("acme"), contract.ListUsers, {"tenant": "acme"}, [sharing.person]),
    (lambda c: c.set_user("jo", roles=["reader"], groups=["devs"], tenant="acme"), contract.SetUser,
     {"name": "jo", "roles": ("reader",), "groups": ("devs",), "tenant": "acme"}, sharing.person),
    (lambda c: c.drop_user("jo", "acme"), contract.DropUser, {"name": "jo", "tenant": "acme"}, None),
    (lambda c: c.tokens("jo"), contract.ListTokens, {"user": "jo", "tenant": None}, [sharing.token]),
    (lambda c: c.create_token(user="jo", roles=["reader"], hours=2.5, tenant="acme"), contract.CreateToken,
     {"user": "jo", "roles": ("reader",), "hours": 2.5, "tenant": "acme"}, ...),
    (lambda c: c.revoke_token(sharing.TOKEN_ID), contract.RevokeToken, {"token": sharing.TOKEN_ID}, None),
    (lambda c: c.images(visibility="community"), contract.ListImages, {"visibility": "community"}, ...),
    (lambda c: c.galleries(reach="all"), contract.ListGalleries, {"reach": "all"}, [views.gallery]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "fields", "answer"), CALLS, ids=[f"{n} {kind.__name__}" for n, (_, kind, _, _) in enumerate(CALLS)]
)
async def test_a_method_asks_its_service_and_gives_its_view_back(
    house: House, client: Client, call: Call, kind: type[contract.Request], fields: dict[str, Any], answer: Any
) -> None:
    if kind is contract.ListImages:
        house.services.answers[kind] = lambda _: contract.ImagePage(items=())
    found = await call(client)
    asked = house.services.last
    assert (type(asked), asked.actor) == (kind, ADMIN)
    assert {name: getattr(asked, name) for name in fields} == fields
    if answer is not ...:
        assert found == answer


async def test_a_batch_gives_a_row_for_each_pair(client: Client) -> None:
    found = await client.offer_images([DEBIAN, "default/none"], ["acme"], acknowledged=True)
    assert [(one.image, one.member, one.state, one.code) for one in found] == [
        (DEBIAN, "acme", "PENDING", ""),
        ("default/none", "acme", "", "image_not_found"),
    ]


async def test_what_is_offered_is_read_page_by_page(house: House, client: Client) -> None:
    house.services.answers[contract.ListShares] = lambda asked: contract.SharePage(
        items=(sharing.share,), next=None if asked.cursor else "more"
    )
    assert await client.shares("PENDING") == [sharing.share] * 2
    assert [(asked.state, asked.cursor) for asked in house.services.asked] == [("PENDING", None), ("PENDING", "more")]


async def test_the_log_of_sharing_is_read_page_by_page(house: House, client: Client) -> None:
    pages = [page async for page in client.sharing_audit("jo", "ann", sort="-sequence")]
    assert [page.items for page in pages] == [(views.audit,)]
    asked = house.services.last
    assert (asked.about, asked.actor_name, asked.sort, asked.limit) == ("jo", "ann", "-sequence", 500)


async def test_a_token_that_is_made_comes_with_its_secret_and_tells_who_bears_it(house: House, client: Client) -> None:
    view = await client.create_token()
    assert len(view.secret) > 32
    assert (await client.whoami()).name == ADMIN.name
    house.services.let(view.secret, tenant="acme", name="jo")
    async with Client(house.door.url, token=view.secret) as other:
        assert ((await other.whoami()).tenant, (await other.whoami()).name) == ("acme", "jo")
