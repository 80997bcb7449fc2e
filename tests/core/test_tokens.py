"""Local API tokens and who bears them; what is wrong with one is told to nobody."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.events.hub import TokenCreated, TokenRevoked
from contracts.requests import Actor, Done, DropUser, ListTokens
from contracts.views import IdentityView
from core.directory_world import ADA, EVE, JO, OPERATOR, SET_UP, Directory, digest, refused
from core.driver import START
from runtime.settings import SettingsError
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.documents import KEYRING, TOKEN, TOKEN_ID
from sharing.directory.queries import identity
from sharing.domain.directory.token import MOST_ENDED, MOST_TOKENS

ADMIN = Actor(tenant="default", name="admin", roles=("owner", "operator"))


class _Clock:
    """The time that queries see."""

    def __init__(self, world: Directory) -> None:
        self._world = world

    def now(self, _: Any) -> Any:
        return self._world.now


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Directory:
    made = Directory()
    monkeypatch.setattr(identity, "datetime", _Clock(made))
    made.user("jo", "publisher", groups=("devs",))
    return made


def test_a_bearer_is_its_user_with_everything_that_he_is(world: Directory, tmp_path: Path) -> None:
    world.unit("corp")
    world.unit("corp/eu")
    world.account("trade", "corp/eu")
    world.tenant("acme", "trade")
    secret, view = world.token(hours=2.0, description="laptop")
    assert (view.tenant, view.user, view.roles, view.secret) == ("acme", "jo", ("publisher",), "")
    assert view.until == START + timedelta(hours=2)
    assert world.bears(secret, tmp_path) == IdentityView(
        tenant="acme",
        name="jo",
        roles=("publisher",),
        principals=(
            "acme", "account:trade", "org:corp", "org:corp/eu", "user:acme/jo", "group:acme/devs",
        ),
        account="trade",
        unit="corp/eu",
        until=view.until,
    )  # fmt: skip


def test_e4_who_leaves_an_account_is_no_longer_what_it_is(world: Directory, tmp_path: Path) -> None:
    world.unit("corp")
    world.account("trade", "corp")
    world.tenant("acme", "trade")
    secret, _ = world.token()
    assert "org:corp" in world.bears(secret, tmp_path).principals
    world.tenant("acme")
    assert world.bears(secret, tmp_path).principals == ("acme", "user:acme/jo", "group:acme/devs")


def test_everything_that_is_wrong_with_a_token_is_one_and_the_same_refusal(world: Directory, tmp_path: Path) -> None:
    unknown = world.bears("imprint_guessed", tmp_path)
    refused(unknown, "unauthenticated")
    revoked, view = world.token()
    world.revoke(view.id)
    assert world.bears(revoked, tmp_path) == unknown
    expired, _ = world.token(hours=1.0)
    assert isinstance(world.bears(expired, tmp_path), IdentityView)
    world.pass_time(3600)
    assert world.bears(expired, tmp_path) == unknown
    good, _ = world.token()
    world.user("jo", "publisher", disabled=True)
    assert world.bears(good, tmp_path) == unknown
    world.user("jo", "publisher")
    assert isinstance(world.bears(good, tmp_path), IdentityView)
    world.tenant("acme", disabled=True)
    assert world.bears(good, tmp_path) == unknown
    assert world.is_vouched_for(tmp_path, "acme", "jo") == unknown
    assert world.is_vouched_for(tmp_path, "acme", "unheard-of") == unknown
    world.tenant("acme")
    assert isinstance(world.bears(good, tmp_path), IdentityView)
    world.do(DropUser, ADA, name="jo")
    assert world.bears(good, tmp_path) == unknown
    world.user("jo", "publisher")
    assert world.bears(good, tmp_path) == unknown, "whoever has the name later is somebody else"


def test_the_roles_of_a_bearer_are_the_tokens_as_far_as_the_user_has_them_now(world: Directory, tmp_path: Path) -> None:
    reading, _ = world.token(JO, "reader")
    all_of_them, _ = world.token(JO)
    world.user("jo", "owner")
    assert world.bears(reading, tmp_path).roles == ("reader",)
    assert world.bears(all_of_them, tmp_path).roles == ("publisher",), "a token never grows"
    world.user("jo", "sharer")
    assert world.bears(all_of_them, tmp_path).roles == ("reader",)
    world.user("jo")
    assert world.bears(all_of_them, tmp_path).roles == ()


def test_a_token_gives_no_more_than_the_one_it_was_asked_with(world: Directory) -> None:
    reader = Actor(tenant="acme", name="jo", roles=("reader",))
    refused(world.token(reader, "publisher")[1], "roles_exceeded")
    assert world.token(reader)[1].roles == ("reader",)
    refused(world.token(JO, "owner")[1], "roles_exceeded")


def test_a_token_made_for_certain_roles_is_bounded_by_them_and_so_is_what_it_makes(
    world: Directory, tmp_path: Path
) -> None:
    reading, _ = world.token(JO, "reader")
    whole, _ = world.token(JO)
    assert world.bears(reading, tmp_path).bounded
    assert not world.bears(whole, tmp_path).bounded
    with_it = Actor(tenant="acme", name="jo", roles=("reader",), bounded=True)
    made, _ = world.token(with_it)
    assert world.bears(made, tmp_path).bounded, "what was granted to jo by name is not had back by a second token"


def test_an_owner_makes_tokens_for_his_users_but_none_that_may_more_than_he(world: Directory) -> None:
    assert world.token(ADA, user="jo")[1].user == "jo"
    refused(world.token(ADA, "owner", user="jo")[1], "roles_exceeded")
    world.user("root", "operator", actor=OPERATOR, tenant="acme")
    refused(world.token(ADA, user="root")[1], "roles_exceeded")
    assert world.token(ADA, "reader", user="root")[1].roles == ("reader",)
    refused(world.token(ADA, user="nobody")[1], "user_not_found")
    refused(world.token(JO, user="root")[1], "forbidden")
    refused(world.token(JO, user="nobody")[1], "forbidden")
    refused(world.token(EVE, user="jo", tenant="acme")[1], "tenant_not_found")
    assert world.token(OPERATOR, user="jo", tenant="acme")[1].tenant == "acme"


def test_who_is_known_to_an_issuer_only_has_no_local_tokens(world: Directory) -> None:
    refused(world.token(Actor(tenant="acme", name="passing", roles=("owner",)))[1], "user_not_found")
    same_name = Actor(tenant="acme", name="jo", roles=("publisher",), kind="service")
    refused(world.token(same_name)[1], "user_not_found")


def test_nobody_takes_over_a_token_by_its_digest(world: Directory, tmp_path: Path) -> None:
    secret, _ = world.token()
    world.user("mallory", "publisher")
    mallory = Actor(tenant="acme", name="mallory", roles=("publisher",))
    for taken in (secret, SET_UP):
        assert refused(world.token(mallory, secret=taken)[1], "validation_failed").data["field"] == "digest"
    assert world.bears(secret, tmp_path).name == "jo"


def test_a_user_has_so_many_valid_tokens_and_may_revoke_some_to_make_others(world: Directory) -> None:
    views = [world.token(hours=1.0 if number else 5.0)[1] for number in range(MOST_TOKENS)]
    assert refused(world.token()[1], "token_limit").data["limit"] == MOST_TOKENS
    assert isinstance(world.revoke(views[0].id), Done)
    assert isinstance(world.revoke(views[0].id), Done)
    assert world.token()[1].user == "jo"
    refused(world.token()[1], "token_limit")
    world.pass_time(3600)
    assert world.token()[1].user == "jo"


def test_what_becomes_of_tokens_is_said_and_never_their_digest(world: Directory) -> None:
    _, first = world.token(hours=1.0)
    _, second = world.token(hours=5.0)
    world.token(hours=5.0)
    third = world.emitted[-1].event
    assert world.emitted[0].event == TokenCreated(
        token=first.id, tenant="acme", user="jo", until=START + timedelta(hours=1), revision=1
    )
    world.revoke(second.id)
    world.revoke(second.id)
    assert world.emitted[3].event == TokenRevoked(token=second.id, tenant="acme", user="jo", revision=2)
    world.pass_time(3600)
    world.do(DropUser, ADA, name="jo")
    over = [one.event for one in world.emitted[4:]]
    assert isinstance(third, TokenCreated)
    assert over == [TokenRevoked(token=third.token, tenant="acme", user="jo", revision=2)], "the others were over"


def test_a_token_is_revoked_by_its_user_or_an_owner_of_the_tenant(world: Directory) -> None:
    world.user("al", "reader")
    al = Actor(tenant="acme", name="al", roles=("reader",))
    for revoker, fields, may in (
        (JO, {}, True),
        (ADA, {}, True),
        (OPERATOR, {"tenant": "acme"}, True),
        (al, {}, False),
        (EVE, {}, False),
        (OPERATOR, {}, False),
        (Actor(tenant="acme", name="jo", roles=("reader",), kind="service"), {}, False),
    ):
        _, view = world.token()
        reply = world.revoke(view.id, revoker, **fields)
        if may:
            assert isinstance(reply, Done)
        else:
            assert refused(reply, "token_not_found").detail == refused(
                world.revoke("0" * 32, revoker, **fields), "token_not_found"
            ).detail.replace("0" * 32, view.id)
    refused(world.revoke("0" * 32, EVE, tenant="acme"), "tenant_not_found")


def test_what_ended_is_listed_for_a_week_and_forgotten_then(world: Directory) -> None:
    _, view = world.token(hours=1.0)
    _, other = world.token(hours=1000.0)
    world.pass_time(3600 + 6 * 86400)
    assert len(world.all(TOKEN)) == 2
    world.pass_time(86400)
    assert [token.id for token in world.all(TOKEN).values()] == [other.id]
    world.revoke(other.id)
    assert len(world.all(TOKEN)) == 1
    world.pass_time(7 * 86400)
    assert not world.all(TOKEN)
    assert not world.all(TOKEN_ID)
    assert not world.all(KEYRING)
    assert not world.reminders
    refused(world.revoke(view.id), "token_not_found")


def test_of_many_revoked_tokens_the_last_are_listed(world: Directory) -> None:
    made = []
    for _ in range(MOST_ENDED + 3):
        made.append(world.token()[1].id)
        world.revoke(made[-1])
    assert sorted(token.id for token in world.all(TOKEN).values()) == made[3:]
    assert len(world.all(TOKEN_ID)) == len(world.reminders) == MOST_ENDED


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_tokens_are_listed_to_their_user_and_to_owners_without_secrets(
    world: Directory, tmp_path: Path, limit: int
) -> None:
    for name in ("jo-b", "al"):
        world.user(name, "reader")
    made: dict[str, list[str]] = {}
    for name in ("al", "jo", "jo-b", "jo"):
        made.setdefault(name, []).append(world.token(ADA, "reader", user=name)[1].id)
    world.user("eve", "reader", actor=EVE)
    world.token(EVE, "reader", user="eve")

    def listed(actor: Actor, **fields: Any) -> list[str]:
        found, cursor = [], None
        while True:
            asked = ListTokens(actor=actor, limit=limit, cursor=cursor, **fields)
            (page,) = world.look(asked, path=tmp_path)
            assert all(one.secret == "" for one in page.items)
            found += [one.id for one in page.items]
            if (cursor := page.next) is None:
                return found

    assert listed(JO) == listed(ADA, user="jo") == listed(OPERATOR, tenant="acme", user="jo") == made["jo"]
    assert listed(ADA) == made["al"] + made["jo"] + made["jo-b"]
    assert listed(ADA, user="nobody") == []
    replies = world.look(
        ListTokens(actor=JO, user="al"), ListTokens(actor=EVE, tenant="acme"), path=tmp_path
    )  # fmt: skip
    assert [reply.code for reply in replies] == ["forbidden", "tenant_not_found"]


def test_the_token_of_the_set_up_opens_everything_whatever_the_directory_says(world: Directory, tmp_path: Path) -> None:
    admin = world.bears(SET_UP, tmp_path)
    assert (admin.tenant, admin.name, admin.roles, admin.until) == ("default", "admin", ("owner", "operator"), None)
    assert admin.principals == ("default", "user:default/admin")
    world.tenant("default", disabled=True)
    world.user("admin", actor=OPERATOR, disabled=True)
    assert world.bears(SET_UP, tmp_path) == admin
    without = Directory(bootstrap=False)
    refused(without.bears(SET_UP, tmp_path), "unauthenticated")
    refused(without.bears("", tmp_path), "unauthenticated")


def test_the_local_admin_makes_tokens_for_himself_and_no_issuer_makes_another_of_him(
    world: Directory, tmp_path: Path
) -> None:
    secret, view = world.token(ADMIN, hours=1.0)
    assert view.roles == ("owner", "operator")
    assert world.bears(secret, tmp_path).roles == ("owner", "operator")
    refused(world.is_vouched_for(tmp_path, "default", "admin", roles=("reader",)), "unauthenticated")
    colleague = Actor(tenant="default", name="colleague", roles=("owner",))
    refused(world.user("admin", "reader", actor=colleague), "roles_exceeded")
    refused(world.token(colleague, user="admin")[1], "roles_exceeded")
    world.user("admin", "reader", actor=OPERATOR)
    assert world.bears(secret, tmp_path).roles == ("reader",)
    assert world.is_vouched_for(tmp_path, "default", "admin").roles == ("reader",)


def test_whom_an_issuer_vouches_for_has_the_roles_of_his_token_and_his_own(world: Directory, tmp_path: Path) -> None:
    until = START + timedelta(minutes=5)
    found = world.is_vouched_for(tmp_path, "acme", "jo", roles=("sharer",), groups=("ops", "devs"), until=until)
    assert (found.roles, found.until, found.kind) == (("publisher", "sharer"), until, "user")
    assert found.principals == ("acme", "user:acme/jo", "group:acme/devs", "group:acme/ops")
    passing = world.is_vouched_for(tmp_path, "new", "li", roles=("reader",))
    assert (passing.roles, passing.principals) == (("reader",), ("new", "user:new/li"))
    refused(world.is_vouched_for(tmp_path, "acme", "jo", kind="service"), "unauthenticated")
    world.user("jo", "publisher", disabled=True)
    refused(world.is_vouched_for(tmp_path, "acme", "jo", roles=("owner",)), "unauthenticated")


def test_the_file_of_the_set_up_has_a_digest_or_nothing(tmp_path: Path) -> None:
    file = tmp_path / "token.sha256"
    assert not Bootstrap.read("").opens("")
    assert not Bootstrap.read(str(file)).opens(digest(SET_UP))
    file.write_text("")
    assert not Bootstrap.read(str(file)).opens("")
    file.write_text(digest(SET_UP) + "\n")
    assert Bootstrap.read(str(file)).opens(digest(SET_UP))
    assert not Bootstrap.read(str(file)).opens(digest("other"))
    file.write_text(SET_UP)
    with pytest.raises(SettingsError) as told:
        Bootstrap.read(str(file))
    assert SET_UP not in str(told.value)
