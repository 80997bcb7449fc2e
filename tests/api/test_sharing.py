"""What the routes of sharing and of who is who ask, what they answer, and what they refuse by themselves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api import sharing, views
from api.backend import TOKEN
from api.house import House, client_of
from api.test_refusals import check
from api.test_routes import ADMIN, plain
from contracts import requests as contract
from contracts.errors import Problem
from runtime.bearer import digest

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEBIAN = "default/debian"
BASE = f"/v1/images/{DEBIAN}"
MEMBERS = f"{BASE}/members"
SHARE = f"/v1/shares/{sharing.OFFERED}"
SHARED = "/v1/galleries/default/sharing"
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
COMMUNITY = {"publisher_uri": "https://x.test", "contact": "a@x.test", "eula": "None.", "prefix": "acme1"}

READS: list[tuple[str, contract.Request, Any]] = [
    (
        f"{MEMBERS}?state=PENDING&limit=2&cursor=a",
        contract.ListMembers(actor=ADMIN, image=DEBIAN, state="PENDING", limit=2, cursor="a"),
        [sharing.member],
    ),
    (f"{BASE}/sharing/status", contract.GetSharingStatus(actor=ADMIN, image=DEBIAN), sharing.status),
    (f"{SHARED}/status", contract.GetSharingStatus(actor=ADMIN, gallery="default"), sharing.status),
    ("/v1/shares?state=PENDING", contract.ListShares(actor=ADMIN, state="PENDING"), [sharing.share]),
    (SHARE, contract.GetShare(actor=ADMIN, image=sharing.OFFERED), sharing.share),
    (SHARED, contract.GetGallerySharing(actor=ADMIN, gallery="default"), sharing.gallery_sharing),
    ("/v1/galleries/default/grants", contract.ListGrants(actor=ADMIN, gallery="default"), [sharing.grant]),
    (f"{BASE}/grants?limit=2", contract.ListGrants(actor=ADMIN, image=DEBIAN, limit=2), [sharing.grant]),
    (
        f"{BASE}/versions/1.0.0/grants",
        contract.ListGrants(actor=ADMIN, image=DEBIAN, number="1.0.0"),
        [sharing.grant],
    ),
    ("/v1/units?below=corp/europe", contract.ListUnits(actor=ADMIN, below="corp/europe"), [sharing.unit]),
    ("/v1/accounts?unit=corp", contract.ListAccounts(actor=ADMIN, unit="corp"), [sharing.account]),
    ("/v1/tenants?account=x&limit=5", contract.ListTenants(actor=ADMIN, account="x", limit=5), [sharing.tenant]),
    ("/v1/tenants/acme", contract.GetTenant(actor=ADMIN, name="acme"), sharing.tenant),
    ("/v1/users?tenant=acme", contract.ListUsers(actor=ADMIN, tenant="acme"), [sharing.person]),
    ("/v1/tokens?user=jo&tenant=acme", contract.ListTokens(actor=ADMIN, user="jo", tenant="acme"), [sharing.token]),
    (
        "/v1/audit/sharing?about=jo&actor=ann&sort=-sequence",
        contract.ListSharingAudit(actor=ADMIN, about="jo", actor_name="ann", sort="-sequence"),
        [views.audit],
    ),
    (
        "/v1/images?visibility=shared&member_status=pending",
        contract.ListImages(actor=ADMIN, visibility="shared", member_status="pending"),
        [views.image],
    ),
    ("/v1/galleries?reach=all", contract.ListGalleries(actor=ADMIN, reach="all"), [views.gallery]),
]


@pytest.mark.parametrize(("url", "asked", "answer"), READS, ids=[url for url, _, _ in READS])
async def test_a_read_asks_its_service_and_answers_its_view(
    house: House, url: str, asked: contract.Request, answer: Any
) -> None:
    response = await house.http.get(url)
    assert response.status_code == 200, response.text
    assert house.services.last == asked
    body = response.json()
    if isinstance(answer, list):
        assert body["items"] == [plain(view) for view in answer]
        assert "next" in body
    else:
        assert body == plain(answer)


OFFER = {"members": ["acme", "account:x", "org:corp/eu"], "acknowledged": True}
MANY = {"images": [views.IMAGE, "default/none"], **OFFER}
USER = {"kind": "service", "roles": ["reader"], "groups": ["devs"]}
TARGETS: list[tuple[str, dict[str, str]]] = [
    ("/v1/galleries/default", {"gallery": "default"}),
    (BASE, {"image": DEBIAN}),
    (f"{BASE}/versions/1.0.0", {"image": DEBIAN, "number": "1.0.0"}),
]
PRINCIPALS = ["acme", "account:x", "org:corp/eu/sales", "user:acme/jo", "service:acme/ci", "group:acme/devs"]
WRITES: list[tuple[str, str, Any, type[contract.Request], dict[str, Any], int]] = [
    (
        "POST",
        MEMBERS,
        {**OFFER, "until": "2030-01-01T00:00:00Z", "message": "Take it."},
        contract.OfferImages,
        {"images": (DEBIAN,), "members": tuple(OFFER["members"]), "acknowledged": True, "until": UNTIL,  # type: ignore[arg-type]
         "message": "Take it."},
        200,
    ),
    (
        "DELETE",
        f"{MEMBERS}?member=acme&member=org:corp/eu&grace=24",
        None,
        contract.RevokeOffers,
        {"images": (DEBIAN,), "members": ("acme", "org:corp/eu"), "grace": 24.0},
        200,
    ),
    ("POST", "/v1/shares", MANY, contract.OfferImages, {"images": (views.IMAGE, "default/none")}, 200),
    (
        "POST",
        "/v1/shares/revoke",
        {"images": [DEBIAN], "members": ["acme"], "grace": 0.5},
        contract.RevokeOffers,
        {"images": (DEBIAN,), "members": ("acme",), "grace": 0.5},
        200,
    ),
    ("POST", f"{BASE}/sharing/suspend", None, contract.SuspendSharing, {"image": DEBIAN, "suspended": True}, 204),
    ("POST", f"{BASE}/sharing/resume", None, contract.SuspendSharing, {"image": DEBIAN, "suspended": False}, 204),
    ("POST", f"{SHARE}/accept", None, contract.AnswerOffer, {"image": sharing.OFFERED, "answer": "accept"}, 200),
    (
        "POST",
        f"{SHARE}/accept",
        {"pods": ["pod-1"], "number": "1.0.0"},
        contract.AnswerOffer,
        {"answer": "accept", "pods": ("pod-1",), "number": "1.0.0"},
        200,
    ),
    ("POST", f"{SHARE}/reject", None, contract.AnswerOffer, {"image": sharing.OFFERED, "answer": "reject"}, 200),
    (
        "PUT",
        SHARED,
        {"sharing": "groups", "members": ["acme", "account:x"]},
        contract.ShareGallery,
        {"gallery": "default", "sharing": "groups", "members": ("acme", "account:x"), "revision": 3},
        200,
    ),
    (
        "PUT",
        SHARED,
        {"sharing": "community", "community": COMMUNITY},
        contract.ShareGallery,
        {"community": contract.Community(**COMMUNITY)},
        200,
    ),
    *(
        ("PUT", f"{path}/grants/{who.replace('/', '%2F')}", {"roles": ["publisher"]}, contract.SetGrant,
         {**on, "principal": who, "roles": ("publisher",)}, 200)
        for path, on in TARGETS
        for who in PRINCIPALS
    ),
    *(
        ("DELETE", f"{path}/grants/user:acme%2Fjo", None, contract.DropGrant, {**on, "principal": "user:acme/jo"}, 204)
        for path, on in TARGETS
    ),
    ("PUT", "/v1/pods/pod-1/tenants", {"tenants": ["acme"]}, contract.SetPodTenants,
     {"pod": "pod-1", "tenants": ("acme",), "revision": 3}, 200),
    ("PUT", "/v1/units/corp", None, contract.SetUnit, {"path": "corp", "description": ""}, 200),
    ("PUT", "/v1/units/corp/europe", {"description": "x"}, contract.SetUnit,
     {"path": "corp/europe", "description": "x"}, 200),
    ("DELETE", "/v1/units/corp%2Feurope", None, contract.DropUnit, {"path": "corp/europe"}, 204),
    ("PUT", "/v1/accounts/x", {"unit": "corp/europe"}, contract.SetAccount, {"name": "x", "unit": "corp/europe"}, 200),
    ("DELETE", "/v1/accounts/x", None, contract.DropAccount, {"name": "x"}, 204),
    ("PUT", "/v1/tenants/acme", {"account": "x", "disabled": True}, contract.SetTenant,
     {"name": "acme", "account": "x", "disabled": True}, 200),
    ("PUT", "/v1/users/jo?tenant=acme", USER, contract.SetUser,
     {"name": "jo", "tenant": "acme", "kind": "service", "roles": ("reader",), "groups": ("devs",)}, 200),
    ("DELETE", "/v1/users/jo", None, contract.DropUser, {"name": "jo", "tenant": None}, 204),
    ("POST", "/v1/tokens", {"user": "jo", "roles": ["reader"], "hours": 2, "description": "ci"}, contract.CreateToken,
     {"user": "jo", "tenant": None, "roles": ("reader",), "hours": 2.0, "description": "ci"}, 201),
    ("DELETE", f"/v1/tokens/{sharing.TOKEN_ID}?tenant=acme", None, contract.RevokeToken,
     {"token": sharing.TOKEN_ID, "tenant": "acme"}, 204),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "url", "body", "kind", "fields", "status"), WRITES, ids=[f"{w[0]} {w[1]}" for w in WRITES]
)
async def test_a_write_says_what_the_request_says_once_for_each_key(
    house: House, method: str, url: str, body: Any, kind: type[contract.Request], fields: dict[str, Any], status: int
) -> None:
    sent = {} if body is None else {"json": body}
    headers = {"idempotency-key": "k", "if-match": '"3"'}
    response = await house.http.request(method, url, **sent, headers=headers)
    assert response.status_code == status, response.text
    asked = house.services.last
    assert (type(asked), asked.actor, asked.id) == (kind, ADMIN, contract.command_id(ADMIN, "k"))
    assert {name: getattr(asked, name) for name in fields} == fields


async def test_e3_a_batch_answers_a_row_for_each_pair(house: House) -> None:
    response = await house.http.post("/v1/shares", json=MANY)
    rows = [(row["image"], row["member"], row["state"], row["code"]) for row in response.json()["items"]]
    assert rows == [
        *((views.IMAGE, member, "PENDING", "") for member in OFFER["members"]),  # type: ignore[attr-defined]
        *(("default/none", member, "", "image_not_found") for member in OFFER["members"]),  # type: ignore[attr-defined]
    ]


async def test_a_secret_is_made_at_the_door_and_only_its_digest_goes_further(house: House) -> None:
    first, second = [(await house.http.post("/v1/tokens")).json()["secret"] for _ in range(2)]
    assert first != second
    assert [asked.digest for asked in house.services.asked] == [digest(first), digest(second)]
    assert (await house.http.post("/v1/tokens")).headers["location"] == f"/v1/tokens/{sharing.TOKEN_ID}"
    assert (await house.http.get("/v1/tokens")).json()["items"][0]["secret"] == ""


async def test_a_repetition_of_a_token_is_a_refusal_and_not_another_secret(house: House) -> None:
    house.services.answers[contract.CreateToken] = lambda _: Problem(code="idempotency_key_reused", detail="Used.")
    check(await house.http.post("/v1/tokens", headers={"idempotency-key": "k"}), "idempotency_key_reused")


async def test_whoever_asks_is_told_who_he_is_and_when_that_ends(house: House) -> None:
    house.services.let(
        "of-jo", tenant="acme", name="jo", roles=("sharer",), until=UNTIL,
        principals=("acme", "account:x", "org:corp", "org:corp/europe", "user:acme/jo"),
    )  # fmt: skip
    async with client_of(house.door, "of-jo") as client:
        found = (await client.get("/v1/whoami")).json()
    assert found == {
        "tenant": "acme", "name": "jo", "kind": "user", "roles": ["sharer"], "account": "x", "unit": "corp/europe",
        "principals": ["acme", "account:x", "org:corp", "org:corp/europe", "user:acme/jo"],
        "until": "2030-01-01T00:00:00Z", "bounded": False,
    }  # fmt: skip
    async with client_of(house.door, TOKEN) as client:
        assert (await client.get("/v1/whoami")).json()["until"] is None
    assert house.services.asked == []


REFUSED: list[tuple[str, str, Any, str]] = [
    ("GET", "/v1/shares/default%2Fdebian", None, "share_not_found"),
    ("POST", "/v1/shares/acme/accept", None, "share_not_found"),
    ("GET", "/v1/shares/revoke", None, "method_not_allowed"),
    ("DELETE", "/v1/tokens/x", None, "token_not_found"),
    ("PUT", "/v1/users/a%2Fb", {}, "user_not_found"),
    ("PUT", "/v1/tenants/-a", {}, "tenant_not_found"),
    ("DELETE", "/v1/accounts/a b", None, "account_not_found"),
    ("PUT", "/v1/units/a//b", {}, "unit_not_found"),
    ("PUT", "/v1/units/" + "/".join("abcdefghi"), {}, "unit_not_found"),
    ("DELETE", "/v1/units/..%2Fa", None, "unit_not_found"),
    ("PUT", "/v1/galleries/default/grants/role:x", {"roles": ["reader"]}, "principal_invalid"),
    ("DELETE", f"{BASE}/grants/user:jo", None, "principal_invalid"),
    ("PUT", f"{BASE}/versions/1/grants/acme", {"roles": ["reader"]}, "version_number_invalid"),
    ("GET", "/v1/images/debian/members", None, "image_not_found"),
    *(
        ("POST", MEMBERS, body, "validation_failed")
        for body in (
            {},
            {"members": []},
            {"members": ["user:acme/jo"]},
            {"members": ["a b"]},
            {"members": ["acme"] * 101},
            {"members": ["acme"], "images": ["default/debian"]},
            {"members": ["acme"], "until": "2030-01-01T00:00:00"},
            {"members": ["acme"], "acknowledged": "yes"},
        )
    ),
    *(
        ("DELETE", f"{MEMBERS}{query}", None, "validation_failed")
        for query in (
            "", "?member=", "?member=user:acme/jo", "?member=acme&grace=-1", "?member=acme&grace=nan",
            "?member=acme&grace=inf", "?member=acme&grace=2161", "?" + "&".join(f"member=t{n}" for n in range(101)),
        )
    ),
    ("POST", "/v1/shares", {"images": ["debian"], "members": ["acme"]}, "validation_failed"),
    ("POST", "/v1/shares", {"images": [], "members": ["acme"]}, "validation_failed"),
    ("POST", "/v1/shares/revoke", {"images": ["default/debian"], "members": ["acme"], "grace": -1},
     "validation_failed"),
    ("POST", f"{SHARE}/accept", {"pods": ["POD"]}, "validation_failed"),
    ("POST", f"{SHARE}/accept", {"answer": "reject"}, "validation_failed"),
    *(
        ("PUT", SHARED, body, "validation_failed")
        for body in (
            {},
            {"sharing": "all"},
            {"sharing": "groups", "members": ["acme"] * 65},
            {"sharing": "community", "community": {**COMMUNITY, "prefix": "a-b"}},
            {"sharing": "community", "community": {**COMMUNITY, "contact": "nobody"}},
            {"sharing": "community", "community": {**COMMUNITY, "publisher_uri": "javascript:alert(1)"}},
            {"sharing": "community", "community": {**COMMUNITY, "more": 1}},
        )
    ),
    ("PUT", f"{BASE}/grants/acme", {"roles": []}, "validation_failed"),
    ("PUT", f"{BASE}/grants/acme", {"roles": ["operator"]}, "validation_failed"),
    ("PUT", "/v1/pods/pod-1/tenants", {"tenants": ["user:acme/jo"]}, "validation_failed"),
    ("PUT", "/v1/users/jo", {"roles": ["king"]}, "validation_failed"),
    ("PUT", "/v1/users/jo", {"tenant": "acme"}, "validation_failed"),
    ("PUT", "/v1/accounts/x", {"unit": "/corp"}, "validation_failed"),
    ("POST", "/v1/tokens", {"hours": 0}, "validation_failed"),
    ("POST", "/v1/tokens", {"digest": "a" * 64}, "validation_failed"),
    *(
        ("GET", url, None, "validation_failed")
        for url in (
            "/v1/images?visibility=secret", "/v1/images?member_status=maybe", "/v1/galleries?reach=far",
            "/v1/shares?state=GONE", "/v1/shares?owner=acme", "/v1/units?below=/corp", "/v1/accounts?unit=a//b",
            "/v1/tenants?account=a/b", "/v1/users?tenant=a/b", "/v1/tokens?user=%00", "/v1/audit/sharing?sort=at",
            "/v1/audit/sharing?action=x", "/v1/galleries/default/grants?principal=acme",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "url", "body", "code"), REFUSED, ids=[f"{m} {u[:80]} {str(b)[:60]}" for m, u, b, _ in REFUSED]
)
async def test_what_cannot_be_meant_is_refused_and_no_service_asked(
    house: House, method: str, url: str, body: Any, code: str
) -> None:
    sent = {} if body is None else {"json": body}
    check(await house.http.request(method, url, **sent), code)
    assert house.services.asked == []
