"""The directory under any sequence of commands: what it counts is there, and no token outlives its reason."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.requests import DropAccount, DropUnit, DropUser
from core.directory_world import ADA, Directory
from sharing.directory.documents import ACCOUNT, KEYRING, PERSON, TENANT, TOKEN, TOKEN_ID, UNIT
from sharing.domain.directory.tree import parent

PATHS = ("a", "a/b", "a/b/c", "d")
ACCOUNTS = ("x", "y")
USERS = ("jo", "li")

STEPS = st.one_of(
    st.tuples(st.just("unit"), st.sampled_from(PATHS)),
    st.tuples(st.just("drop_unit"), st.sampled_from(PATHS)),
    st.tuples(st.just("account"), st.sampled_from(ACCOUNTS), st.sampled_from(("", *PATHS))),
    st.tuples(st.just("drop_account"), st.sampled_from(ACCOUNTS)),
    st.tuples(st.just("tenant"), st.sampled_from(("acme", "beta")), st.sampled_from(("", *ACCOUNTS))),
    st.tuples(st.just("user"), st.sampled_from(USERS)),
    st.tuples(st.just("drop_user"), st.sampled_from(USERS)),
    st.tuples(st.just("token"), st.sampled_from(USERS)),
    st.tuples(st.just("revoke"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.sampled_from((3600.0, 86400.0 * 8))),
)


def step(world: Directory, made: list[str], what: str, *told: Any) -> None:
    match what:
        case "unit":
            world.unit(told[0])
        case "drop_unit":
            world.do(DropUnit, path=told[0])
        case "account":
            world.account(*told)
        case "drop_account":
            world.do(DropAccount, name=told[0])
        case "tenant":
            world.tenant(*told)
        case "user":
            world.user(told[0], "reader")
        case "drop_user":
            world.do(DropUser, ADA, name=told[0])
        case "token":
            reply = world.token(ADA, user=told[0], hours=24.0)[1]
            made += [reply.id] if hasattr(reply, "id") else []
        case "revoke":
            world.revoke(made[told[0]] if told[0] < len(made) else "0" * 32, ADA)
        case "wait":
            world.pass_time(told[0])


def hold(world: Directory) -> None:
    units, accounts, tenants = world.all(UNIT), world.all(ACCOUNT), world.all(TENANT)
    for path, unit in units.items():
        assert unit.units == sum(parent(other) == path for other in units)
        assert unit.accounts == sum(account.unit == path for account in accounts.values())
        assert not parent(path) or parent(path) in units
    for name, account in accounts.items():
        assert account.tenants == sum(tenant.account == name for tenant in tenants.values())
        assert not account.unit or account.unit in units
    assert all(not tenant.account or tenant.account in accounts for tenant in tenants.values())
    tokens, rings = world.all(TOKEN), world.all(KEYRING)
    held = {id: key for ring in rings.values() for id, key in ring.held.items()}
    assert {token.id: digest for digest, token in tokens.items()} == {id: key.digest for id, key in held.items()}
    assert {id: told.digest for id, told in world.all(TOKEN_ID).items()} == {id: one.digest for id, one in held.items()}
    assert {f"token/{id}" for id in held} == set(world.reminders)
    assert all(ring.held for ring in rings.values())
    for token in tokens.values():
        assert held[token.id].revoked == (token.revoked is not None)
        assert f"{token.tenant}/{token.user}" in world.all(PERSON)


@given(st.lists(STEPS, min_size=10, max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_is_asked_the_directory_agrees_with_itself(steps: list[tuple[Any, ...]]) -> None:
    world, made = Directory(), list[str]()
    for one in steps:
        step(world, made, *one)
        hold(world)
