"""Who is who: organisations with units, accounts, tenants, users, and what strangers learn of them (features.md E4)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts import topology
from contracts.events.hub import TenantSet
from contracts.principals import GIVES, Role
from contracts.requests import (
    Actor,
    Done,
    DropAccount,
    DropUnit,
    DropUser,
    GetTenant,
    ListAccounts,
    ListTenants,
    ListUnits,
    ListUsers,
    SetAccount,
    SetTenant,
    SetUnit,
)
from contracts.views import TenantView
from core.directory_world import ADA, AUDITOR, EVE, JO, OPERATOR, Directory, refused
from sharing.domain.directory.person import beyond, common, rights_of

CORP: list[tuple[str, str]] = [("corp", ""), ("corp/eu", "sales"), ("corp/eu/north", ""), ("corp-x", "")]


def corp() -> Directory:
    world = Directory()
    for path, description in CORP:
        world.unit(path, description=description)
    world.account("trade", "corp/eu")
    world.tenant("acme", "trade")
    return world


def names(page: Any) -> list[str]:
    return [getattr(item, "path", None) or item.name for item in page.items]


def test_e4_a_unit_is_made_below_one_that_is_there_and_counted_by_it(tmp_path: Path) -> None:
    world = Directory()
    assert refused(world.unit("corp/eu"), "unit_not_found").data["unit"] == "corp"
    assert world.unit("corp").revision == 1
    assert world.unit("corp/eu", description="sales").description == "sales"
    assert world.unit("corp/eu", description="sales").revision == 1
    assert world.unit("corp/eu", description="more").revision == 2
    (page,) = world.look(ListUnits(actor=AUDITOR), path=tmp_path)
    assert [(one.path, one.units) for one in page.items] == [("corp", 1), ("corp/eu", 0)]


def test_e4_a_unit_with_units_or_accounts_stays_and_an_empty_one_goes() -> None:
    world = corp()
    assert refused(world.do(DropUnit, path="corp"), "unit_not_empty").data == {"units": 1, "accounts": 0}
    assert refused(world.do(DropUnit, path="corp/eu"), "unit_not_empty").data == {"units": 1, "accounts": 1}
    refused(world.do(DropUnit, path="nowhere"), "unit_not_found")
    world.account("trade", "corp/eu/north")
    refused(world.do(DropUnit, path="corp/eu/north"), "unit_not_empty")
    world.account("trade")
    for path in ("corp/eu/north", "corp/eu", "corp"):
        assert isinstance(world.do(DropUnit, path=path), Done)


def test_e4_an_account_moves_between_units_and_a_tenant_between_accounts() -> None:
    world = corp()
    refused(world.account("trade", "corp/none"), "unit_not_found")
    refused(world.tenant("acme", "none"), "account_not_found")
    refused(world.do(DropAccount, name="none"), "account_not_found")
    assert refused(world.do(DropAccount, name="trade"), "account_not_empty").data == {"tenants": 1}
    assert world.tenant("acme", "trade").unit == "corp/eu"
    assert world.account("trade", "corp").tenants == 1
    assert world.tenant("acme", "trade").unit == "corp"
    assert world.tenant("acme").account == ""
    assert world.account("trade", "corp").tenants == 0
    assert isinstance(world.do(DropAccount, name="trade"), Done)
    assert isinstance(world.do(DropUnit, path="corp-x"), Done)


def test_e4_what_was_said_already_changes_nothing() -> None:
    world = corp()
    before = dict(world.documents)
    for path, description in CORP:
        world.unit(path, description=description)
    world.account("trade", "corp/eu")
    world.tenant("acme", "trade")
    world.user("jo", "reader")
    once = dict(world.documents)
    world.pass_time(60)
    world.user("jo", "reader")
    assert world.documents == once
    assert before.items() <= once.items()


def test_e4_lists_of_units_and_accounts_go_by_what_they_are_in(tmp_path: Path) -> None:
    world = corp()
    world.account("other", "corp")
    world.account("free")
    asked = [
        ListUnits(actor=OPERATOR),
        ListUnits(actor=OPERATOR, below="corp"),
        ListUnits(actor=OPERATOR, below="corp/eu"),
        ListUnits(actor=OPERATOR, below="corp/none"),
        ListAccounts(actor=AUDITOR),
        ListAccounts(actor=AUDITOR, unit="corp"),
        ListAccounts(actor=AUDITOR, unit="none"),
        ListTenants(actor=AUDITOR),
        ListTenants(actor=AUDITOR, account="trade"),
        ListTenants(actor=AUDITOR, account="none"),
    ]
    found = world.look(*asked, path=tmp_path)
    assert names(found[0]) == ["corp", "corp-x", "corp/eu", "corp/eu/north"]
    assert names(found[1]) == ["corp", "corp/eu", "corp/eu/north"]
    assert names(found[2]) == ["corp/eu", "corp/eu/north"]
    refused(found[3], "unit_not_found")
    assert names(found[4]) == ["free", "other", "trade"]
    assert names(found[5]) == ["other"]
    refused(found[6], "unit_not_found")
    assert names(found[7]) == names(found[8]) == ["acme"]
    assert found[7].items == found[8].items
    refused(found[9], "account_not_found")


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_lists_of_the_directory_come_whole_in_pages(limit: int, tmp_path: Path) -> None:
    world = Directory()
    paths = sorted(["a", "a/b", "a/b-c", "a/b/c", "a-b", "z"])
    for path in paths:
        world.unit(path)
    found: list[str] = []
    cursor = None
    while True:
        (page,) = world.look(ListUnits(actor=OPERATOR, limit=limit, cursor=cursor), path=tmp_path)
        found += names(page)
        if (cursor := page.next) is None:
            break
    assert found == paths
    replies = world.look(
        ListUnits(actor=OPERATOR, limit=0), ListUnits(actor=OPERATOR, cursor="?"), path=tmp_path
    )  # fmt: skip
    assert [reply.code for reply in replies] == ["validation_failed", "bad_request"]


def test_a_page_of_the_directory_fits_into_one_message(tmp_path: Path) -> None:
    world = Directory()
    for number in range(300):
        world.unit(f"u{number:03}", description="\x01" * 1024)
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        (page,) = world.look(ListUnits(actor=OPERATOR, limit=500, cursor=cursor), path=tmp_path)
        assert len(msgspec.json.encode(page)) < 1024 * 1024
        found, cursor, pages = found + names(page), page.next, pages + 1
    assert len(found) == 300
    assert pages > 1


def test_f14_only_operators_change_the_tree_and_only_they_and_auditors_see_it(tmp_path: Path) -> None:
    world = corp()
    for actor in (ADA, EVE, AUDITOR):
        refused(world.do(SetUnit, actor, path="mine"), "forbidden")
        refused(world.do(DropUnit, actor, path="corp-x"), "forbidden")
        refused(world.do(SetAccount, actor, name="mine"), "forbidden")
        refused(world.do(SetTenant, actor, name="acme"), "forbidden")
    for reply in world.look(ListUnits(actor=ADA), ListAccounts(actor=ADA), path=tmp_path):
        refused(reply, "forbidden")


def test_f14_a_stranger_cannot_tell_whether_a_tenant_is_there(tmp_path: Path) -> None:
    world = corp()
    there, not_there, own, page, of_account = world.look(
        GetTenant(actor=EVE, name="acme"),
        GetTenant(actor=EVE, name="nowhere"),
        GetTenant(actor=EVE, name="beta"),
        ListTenants(actor=EVE),
        ListTenants(actor=EVE, account="trade"),
        path=tmp_path,
    )
    assert refused(there, "tenant_not_found").detail.replace("acme", "nowhere") == not_there.detail
    assert own == TenantView(name="beta", revision=0)
    assert page.items == (own,)
    assert of_account.items == ()
    for kind, fields in ((DropUser, {"name": "jo"}), (ListUsers, {})):
        for tenant in ("acme", "nowhere"):
            reply = (
                world.do(kind, EVE, tenant=tenant, **fields)
                if kind is DropUser
                else world.look(ListUsers(actor=EVE, tenant=tenant), path=tmp_path)[0]
            )
            refused(reply, "tenant_not_found")
    refused(world.user("spy", "reader", actor=EVE, tenant="acme"), "tenant_not_found")


def test_a_tenant_that_nobody_made_is_one_and_is_listed_once_it_has_users(tmp_path: Path) -> None:
    world = Directory()
    own, none = world.look(GetTenant(actor=ADA, name="acme"), GetTenant(actor=OPERATOR, name="acme"), path=tmp_path)
    assert own == TenantView(name="acme", revision=0)
    refused(none, "tenant_not_found")
    world.user("jo", "reader")
    (page,) = world.look(ListTenants(actor=OPERATOR), path=tmp_path)
    assert names(page) == ["acme"]


def test_owners_keep_the_users_of_their_tenant_and_operators_those_of_any(tmp_path: Path) -> None:
    world = Directory()
    jo = world.user("jo", "reader", "publisher", "reader", groups=("z", "a", "z"))
    assert (jo.roles, jo.groups, jo.kind, jo.revision) == (("reader", "publisher"), ("a", "z"), "user", 1)
    assert world.user("ci", "publisher", kind="service").kind == "service"
    assert world.user("root", "operator", actor=OPERATOR, tenant="acme").tenant == "acme"
    world.user("a", "reader", actor=EVE)
    assert world.user("jo", "sharer").revision == 2
    refused(world.user("x", "reader", actor=JO), "forbidden")
    page, of_beta = world.look(
        ListUsers(actor=ADA), ListUsers(actor=OPERATOR, tenant="beta", limit=1), path=tmp_path
    )  # fmt: skip
    assert names(page) == ["ci", "jo", "root"]
    assert [(one.tenant, one.name) for one in of_beta.items] == [("beta", "a")]
    assert isinstance(world.do(DropUser, ADA, name="jo"), Done)
    refused(world.do(DropUser, ADA, name="jo"), "user_not_found")


def test_a_user_does_not_become_a_service_account_nor_the_other_way_round() -> None:
    world = Directory()
    world.user("ci", kind="service")
    refused(world.user("ci", kind="user"), "property_change_not_allowed")


GIVERS: list[tuple[tuple[Role, ...], tuple[Role, ...], bool]] = [
    # of the giver, given, may he
    (("owner",), ("owner", "reader", "sharer", "publisher"), True),
    (("owner",), ("operator",), False),
    (("owner",), ("auditor",), False),
    (("owner", "auditor"), ("auditor",), False),
    (("operator",), ("operator", "auditor", "owner"), True),
]


@pytest.mark.parametrize(("own", "given", "may"), GIVERS)
def test_nobody_gives_or_takes_roles_that_he_lacks(own: tuple[Role, ...], given: tuple[Role, ...], may: bool) -> None:
    giver = Actor(tenant="acme", name="giver", roles=own)
    world = Directory()
    reply = world.user("new", *given, actor=giver)
    if may:
        assert reply.roles == tuple(role for role in GIVES if role in given)
    else:
        refused(reply, "roles_exceeded")
    world.user("old", *given, actor=OPERATOR, tenant="acme")
    for reply in (world.user("old", "reader", actor=giver), world.do(DropUser, giver, name="old")):
        if may:
            assert not hasattr(reply, "code")
        else:
            refused(reply, "roles_exceeded")


@pytest.mark.parametrize("one", GIVES)
@pytest.mark.parametrize("other", GIVES)
def test_what_two_bounds_have_in_common_is_never_more_than_either(one: Role, other: Role) -> None:
    found = common((one,), (other,))
    assert rights_of(found) == rights_of((one,)) & rights_of((other,))
    assert not beyond(found, rights_of((one,)))
    assert common((one,), (one,)) == (one,)
    assert common((), (one,)) == ()


def test_e4_what_a_tenant_is_from_now_on_is_said_also_when_its_account_moves() -> None:
    world = Directory()
    world.unit("corp")
    world.account("trade")
    world.tenant("acme.de", "trade")
    world.tenant("beta")
    world.account("trade", "corp")
    world.account("trade", "corp", description="the same place")
    said = [item.event for item in world.emitted if isinstance(item.event, TenantSet)]
    assert [(one.tenant, one.principals, one.revision) for one in said] == [
        ("acme.de", ("acme.de", "account:trade"), 1),
        ("beta", ("beta",), 1),
        ("acme.de", ("acme.de", "account:trade", "org:corp"), 2),
    ]
    assert all(topology.subject(one) for one in said), "a dot in a name is no end of a token"
    world.tenant("acme.de")
    assert world.emitted[-1].event.principals == ("acme.de",)


def test_what_is_said_of_tenants_stands_above_the_floor_of_a_restored_database() -> None:
    world = corp()
    world.floor = 1000
    world.tenant("acme", "trade", description="moved")
    world.account("trade", "corp")
    said = [item.event for item in world.emitted if isinstance(item.event, TenantSet)]
    assert [one.revision for one in said[-2:]] == [1001, 1002], "else who heard more would not believe it"
