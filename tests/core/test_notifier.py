"""The notifier's core: whose events a webhook gets, what becomes of deliveries, and that every count is right."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import Failure, Problem
from contracts.events import Speaker, hub
from contracts.manifest import Source
from contracts.requests import (
    REPLIES,
    Actor,
    CreateHook,
    Done,
    DropHook,
    GetHook,
    ListDeliveries,
    ListHooks,
    Redeliver,
    UpdateHook,
)
from contracts.requests import (
    TestHook as PostTest,
)
from contracts.topology import HEARS
from contracts.views import HookView
from core.driver import START, Driver
from core.readside import stored
from notifier import couriers, housekeeping, queries
from notifier.definition import definition
from notifier.documents import DELIVERY, HOOK, SECRET, TALLY, VERSION
from notifier.domain.address import networks
from notifier.domain.delivery import Attempt, Dead, Delivered, Pending, Schedule, attempted, begun
from notifier.domain.tally import Tally
from notifier.handlers import reactions
from notifier.hooks import Config
from notifier.messages import Attempted, Purge, Revive, Shed
from notifier.queries import QUERIES
from notifier.settings import NotifierSettings
from runtime.settings import SettingsError, load

ACME, BETA = Actor(tenant="acme", name="ann", roles=("owner",)), Actor(tenant="beta", name="bob", roles=("owner",))
VERSION_ID, IMAGE_ID = "2" * 32, "1" * 32
MIGRATIONS = Path(__file__).parent.parent.parent / "services" / "notifier" / "migrations"
URL = "https://example.com/hook"
FAILURE = Failure(code="io_error", step="copy", text="it broke")
SCHEDULE = Schedule(backoff=(1.0, 5.0, 30.0), give_up=100.0)


class World(Driver):
    """The notifier at work; versions of tenants are known by `version`."""

    def __init__(self, **more: Any) -> None:
        config = {"most_hooks": 3, "networks": networks("10.0.0.0/8"), "schedule": SCHEDULE}
        super().__init__(reactions(Config(**(config | more))))
        self._keys = 0

    def version(self, tenant: str = "acme", version: str = VERSION_ID, image: str = IMAGE_ID) -> None:
        self.say(
            hub.VersionRequested(
                version=version,
                image=image,
                number="1.0.0",
                tenant=tenant,
                source=Source(pod="pod-1", name="golden"),
                revision=1,
            ),
            "catalog",
        )

    def started(self, pod: str = "pod-1", version: str = VERSION_ID, image: str = IMAGE_ID, attempt: int = 1) -> None:
        self.say(
            hub.CopyStarted(
                copy=f"{version}_{pod}_0", version=version, image=image, pod=pod, attempt=attempt, revision=attempt
            ),
            "replicator",
        )

    def command(self, kind: Any, actor: Actor = ACME, **fields: Any) -> Any:
        self._keys += 1
        return self.ask(kind(id=f"{self._keys:032x}", actor=actor, **fields))

    def hook(self, **fields: Any) -> str:
        made = self.command(CreateHook, **({"url": URL} | fields))
        assert isinstance(made, HookView), made
        return made.id

    def waiting(self, hook: str) -> dict[str, Any]:
        return {id: one for id, one in self.all(DELIVERY).items() if one.hook == hook and isinstance(one, Pending)}

    def states(self, hook: str) -> list[str]:
        return [str(one.__struct_config__.tag) for one in self.all(DELIVERY).values() if one.hook == hook]


@pytest.fixture
def world() -> World:
    made = World()
    made.version()
    return made


def test_it_reacts_to_exactly_what_it_hears_and_what_is_asked_of_it() -> None:
    made = definition(NotifierSettings(data=""))
    heard = {kind for kind in made.reactions if kind in HEARS[Speaker.NOTIFIER]}
    asked = {kind for kind in REPLIES if kind.subject().split(".")[1] == "notifier"}
    assert heard == set(HEARS[Speaker.NOTIFIER])
    assert asked == {kind for kind in made.reactions if kind in REPLIES} | set(QUERIES)


# --- whose events -----------------------------------------------------------------------------------------------------


def test_a_hook_gets_the_events_of_its_own_tenants_versions_only(world: World) -> None:
    own, other = world.hook(), world.command(CreateHook, BETA, url=URL).id
    world.started()
    assert len(world.waiting(own)) == 1
    assert world.waiting(other) == {}


def test_an_event_of_a_version_that_was_never_heard_of_is_delivered_to_nobody(world: World) -> None:
    hook = world.hook()
    world.started(version="9" * 32)
    assert world.waiting(hook) == {}
    assert world.get(VERSION, "9" * 32) is None


def test_an_event_that_names_its_tenant_makes_the_version_known(world: World) -> None:
    hook = world.hook(events=("version.*",))
    gone = hub.VersionWithdrawn(
        version="9" * 32, image=IMAGE_ID, number="1.0.0", tenant="acme", publication=1, reason="cancelled", revision=3
    )
    world.say(gone, "catalog")
    assert len(world.waiting(hook)) == 1


def test_an_event_about_an_image_or_a_pool_goes_to_the_tenant_that_it_names(world: World) -> None:
    world.hook(events=("image.*", "assignment.*"))
    world.version("provider", "7" * 32)
    world.say(hub.ImageDisabled(image=IMAGE_ID, tenant="acme", revision=2), "catalog")
    pool = {"assignment": "9" * 32, "tenant": "acme"}
    world.say(hub.AssignmentUpdated(**pool, image=IMAGE_ID, version="7" * 32, cause="marker", revision=2), "catalog")
    world.say(hub.AssignmentDeleted(**pool, revision=3), "catalog")
    world.say(hub.AssignmentDeleted(assignment="8" * 32, tenant="beta", revision=3), "catalog")
    assert len(world.all(DELIVERY)) == 3


def test_whose_a_version_is_cannot_be_learned_from_another_tenants_pool(world: World) -> None:
    world.hook(events=("copy.*",))
    settled = hub.AssignmentSettled(
        assignment="9" * 32, tenant="acme", pod="pod-1", version="7" * 32, state="IN_SYNC", revision=2
    )
    world.say(settled, "catalog")
    world.started(version="7" * 32)
    assert world.all(DELIVERY) == {}


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"events": ("copy.started",)}, True),
        ({"events": ("copy.available",)}, False),
        ({"events": ("version.*",)}, False),
        ({"events": ("version.available", "copy.*")}, True),
        ({"images": (IMAGE_ID,)}, True),
        ({"images": ("8" * 32,)}, False),
        ({"versions": (VERSION_ID, "8" * 32)}, True),
        ({"versions": ("8" * 32,)}, False),
        ({"pods": ("pod-1", "pod-2")}, True),
        ({"pods": ("pod-10",)}, False),
        ({"pods": ("pod-1",), "images": ("8" * 32,)}, False),
    ],
)
def test_filters_are_by_type_image_version_and_pod(world: World, filters: dict[str, Any], passes: bool) -> None:
    hook = world.hook(**filters)
    world.started()
    assert (len(world.waiting(hook)) == 1) is passes


def test_a_filter_for_pods_lets_events_through_that_are_about_no_pod(world: World) -> None:
    hook = world.hook(events=("version.available", "placement.*"), pods=("pod-7",))
    world.say(
        hub.VersionAvailable(
            version=VERSION_ID, image=IMAGE_ID, number="1.0.0", tenant="acme", available=1, skipped=0, revision=5
        ),
        "catalog",
    )
    world.say(hub.PlacementRefused(version=VERSION_ID, publication=1, failure=FAILURE), "replicator")
    assert [one.type_name for one in world.waiting(hook).values()] == ["version.available.v1", "placement.refused.v1"]


def told(world: World, hook: str) -> list[tuple[str, str]]:
    return [(one.type_name, one.subject) for one in world.waiting(hook).values()]


SHARING = {
    "offered": lambda member: hub.ShareOffered(image=IMAGE_ID, member=member, owner="acme", revision=9),
    "accepted": lambda member: hub.ShareAccepted(image=IMAGE_ID, member=member, owner="acme", revision=9),
    "rejected": lambda member: hub.ShareRejected(image=IMAGE_ID, member=member, owner="acme", revision=9),
    "revoked": lambda member: hub.ShareRevoked(image=IMAGE_ID, member=member, owner="acme", revision=9),
    "suspended": lambda _: hub.ShareSuspended(image=IMAGE_ID, owner="acme", revision=9),
    "resumed": lambda _: hub.ShareResumed(image=IMAGE_ID, owner="acme", revision=9),
}


@pytest.mark.parametrize("verb", SHARING)
@pytest.mark.parametrize(("member", "hears"), [("beta", True), ("gamma", False), ("account:beta", False)])
def test_e5_a_word_of_sharing_goes_to_the_owner_and_to_the_tenant_that_is_named(
    world: World, verb: str, member: str, *, hears: bool
) -> None:
    if verb in ("suspended", "resumed"):
        world.say(hub.ShareOffered(image=IMAGE_ID, member=member, owner="acme", revision=1), "sharing")
        world.say(hub.ShareOffered(image=IMAGE_ID, member="delta", owner="acme", revision=2), "sharing")
    own, theirs = world.hook(events=("share.*",)), world.command(CreateHook, BETA, url=URL, events=("share.*",)).id
    world.say(SHARING[verb](member), "sharing")
    assert told(world, own) == [(f"share.{verb}.v1", IMAGE_ID)]
    assert told(world, theirs) == ([(f"share.{verb}.v1", IMAGE_ID)] if hears else [])


def test_e5_a_tenant_that_lost_an_image_hears_of_it_no_more(world: World) -> None:
    theirs = world.command(CreateHook, BETA, url=URL, events=("share.*",)).id
    world.say(hub.ShareOffered(image=IMAGE_ID, member="beta", owner="acme", revision=1), "sharing")
    world.say(hub.ShareRevoked(image=IMAGE_ID, member="beta", owner="acme", revision=2), "sharing")
    world.say(hub.ShareSuspended(image=IMAGE_ID, owner="acme", revision=3), "sharing")
    assert [type_name for type_name, _ in told(world, theirs)] == ["share.offered.v1", "share.revoked.v1"]


def test_what_is_posted_is_the_event_as_it_was_said(world: World) -> None:
    hook = world.hook()
    world.started(attempt=4)
    (delivery,) = world.waiting(hook).values()
    assert msgspec.json.decode(delivery.data) == {
        "type": "copy.started.v1",
        "copy": f"{VERSION_ID}_pod-1_0",
        "version": VERSION_ID,
        "image": IMAGE_ID,
        "pod": "pod-1",
        "attempt": 4,
        "revision": 4,
    }
    assert (delivery.subject, delivery.at) == (f"{VERSION_ID}_pod-1_0", START)


def test_a_suspended_hook_gets_nothing_and_nothing_is_kept_for_it(world: World) -> None:
    hook = world.hook()
    world.command(UpdateHook, hook=hook, suspended=True)
    world.started()
    assert world.all(DELIVERY) == {}
    assert world.command(PostTest, hook=hook).code == "validation_failed"
    world.command(UpdateHook, hook=hook, suspended=False)
    world.started()
    assert len(world.waiting(hook)) == 1


# --- commands ---------------------------------------------------------------------------------------------------------


def test_only_the_answer_to_its_creation_shows_a_secret(world: World) -> None:
    made = world.command(CreateHook, url=URL)
    assert made.secret.startswith("whsec_")
    changed = world.command(UpdateHook, hook=made.id, description="again")
    assert (changed.secret, changed.revision) == (None, 2)
    brought = world.command(CreateHook, url=URL, secret="a secret of mine")
    assert brought.secret == "a secret of mine"
    assert made.secret not in repr(world.get(SECRET, made.id))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"url": "http://127.0.0.1/"}, "hook_url"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "hook_url"),
        ({"url": "http://2130706433/"}, "hook_url"),
        ({"url": "ftp://example.com/"}, "hook_url"),
        ({"url": "https://me@example.com/"}, "hook_url"),
        ({"events": ("gallery.*",)}, "validation_failed"),
        ({"events": ("copy.exploded",)}, "validation_failed"),
        ({"secret": "whsec_not base64!!"}, "validation_failed"),
        ({"secret": "whsec_dG9vIHNob3J0"}, "validation_failed"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(world: World, fields: dict[str, Any], code: str) -> None:
    refused = world.command(CreateHook, **({"url": URL} | fields))
    assert isinstance(refused, Problem)
    assert (refused.code, bool(refused.hint)) == (code, True)
    hook = world.hook()
    assert world.command(UpdateHook, hook=hook, **fields).code == code


def test_an_allowed_network_may_be_named_literally(world: World) -> None:
    assert world.hook(url="http://10.0.0.7:8080/hook")


def test_a_tenant_has_no_more_hooks_than_are_allowed(world: World) -> None:
    hooks = [world.hook() for _ in range(3)]
    refused = world.command(CreateHook, url=URL)
    assert (refused.code, refused.data) == ("hook_limit", {"limit": 3, "hooks": 3})
    world.command(DropHook, hook=hooks[0])
    assert world.hook()
    assert isinstance(world.command(CreateHook, BETA, url=URL), HookView)


@pytest.mark.parametrize("kind", [UpdateHook, DropHook, PostTest, Redeliver])
def test_the_hook_of_another_tenant_does_not_exist(world: World, kind: Any) -> None:
    hook = world.hook()
    assert world.command(kind, BETA, hook=hook).code == "hook_not_found"
    assert world.command(kind, hook="f" * 32).code == "hook_not_found"


def test_a_change_holds_only_for_the_revision_that_it_was_meant_for(world: World) -> None:
    hook = world.hook()
    assert world.command(UpdateHook, hook=hook, revision=2, description="x").code == "revision_mismatch"
    assert world.command(UpdateHook, hook=hook, revision=1, description="x").revision == 2


def test_a_dropped_hook_leaves_nothing_behind_and_late_words_about_it_are_ignored(world: World) -> None:
    hook = world.hook()
    world.started()
    (delivery,) = world.waiting(hook)
    assert world.command(DropHook, hook=hook) == Done()
    assert (world.get(HOOK, hook), world.get(SECRET, hook), world.get(TALLY, hook)) == (None, None, None)
    assert [row for _, row in world.writes] == [(hook,)], "its deliveries go by one statement"
    world.say(Attempted(delivery=delivery, status=200), "self")
    world.say(Shed(hook=hook, deliveries=(delivery,), reason="x"), "self")
    world.say(Revive(hook=hook, deliveries=(delivery,), asked=START), "self")
    assert isinstance(world.get(DELIVERY, delivery), Pending)
    world.started()
    assert len(world.all(DELIVERY)) == 1


def test_a_test_is_posted_whatever_the_filters_are(world: World) -> None:
    hook = world.hook(events=("version.available",), pods=("pod-9",))
    view = world.command(PostTest, hook=hook)
    assert (view.type_name, view.state, list(world.waiting(hook))) == ("hook.tested.v1", "PENDING", [view.id])


# --- deliveries -------------------------------------------------------------------------------------------------------


def pending(**fields: Any) -> Pending:
    made = begun(hook="h", event="e", type_name="copy.started.v1", subject="c", at=START, data=b"{}")
    return msgspec.structs.replace(made, **fields)


@pytest.mark.parametrize(
    ("status", "kind"), [(200, Delivered), (204, Delivered), (301, Pending), (400, Pending), (404, Pending),
                         (410, Dead), (429, Pending), (500, Pending), (None, Pending)],
)  # fmt: skip
def test_only_2xx_is_an_arrival_and_410_is_the_end(status: int | None, kind: type) -> None:
    assert type(attempted(pending(), Attempt(at=START, status=status, error="why"), SCHEDULE)) is kind


@pytest.mark.parametrize(
    ("attempts", "after", "chance", "wait"),
    [(0, 0, 0.0, 1.0), (1, 0, 0.0, 5.0), (2, 0, 0.0, 30.0), (9, 0, 0.0, 30.0), (0, 0, 0.5, 1.1), (9, 95, 0.0, 5.0)],
)
def test_it_waits_longer_each_time_but_not_past_the_end(
    attempts: int, after: float, chance: float, wait: float
) -> None:
    at = START + timedelta(seconds=after)
    found = attempted(pending(attempts=attempts), Attempt(at=at, error="away", chance=chance), SCHEDULE)
    assert isinstance(found, Pending)
    assert found.next == pytest.approx(at.timestamp() + wait)


def test_it_is_given_up_after_its_time_and_can_be_tried_anew(world: World) -> None:
    hook = world.hook()
    world.started()
    (id,) = world.waiting(hook)
    world.say(Attempted(delivery=id, error="away"), "self")
    world.pass_time(99)
    world.say(Attempted(delivery=id, error="away"), "self")
    assert world.states(hook) == ["PENDING"]
    world.pass_time(1)
    world.say(Attempted(delivery=id, status=503, error="the receiver answered 503"), "self")
    dead = world.get(DELIVERY, id)
    assert isinstance(dead, Dead)
    assert (dead.attempts, dead.status, dead.error) == (3, 503, "the receiver answered 503")
    assert world.get(TALLY, hook) == Tally(dead=1, failing=START)
    assert world.command(Redeliver, hook=hook, delivery=id) == Done()
    again = world.get(DELIVERY, id)
    assert isinstance(again, Pending)
    assert (again.attempts, again.since) == (0, START + timedelta(seconds=100))
    world.say(Attempted(delivery=id, status=200), "self")
    assert world.get(TALLY, hook) == Tally()


def test_what_was_heard_long_after_it_was_said_is_tried_for_as_long_as_everything_else(world: World) -> None:
    """The notifier was away for longer than anything is tried; the receiver is for a moment."""
    hook = world.hook()
    world.started()
    (id,) = world.waiting(hook)
    world.pass_time(10 * SCHEDULE.give_up)
    world.say(Attempted(delivery=id, status=503), "self")
    found = world.get(DELIVERY, id)
    assert isinstance(found, Pending)
    assert found.since == world.now


def test_an_event_stamped_by_a_clock_that_is_ahead_is_posted_at_once(world: World) -> None:
    hook = world.hook()
    begun_at = world.now
    world.pass_time(3600)  # of the broker's clock
    world.started()
    ((_, found),) = world.waiting(hook).items()
    assert found.next <= begun_at.timestamp()


def test_gone_suspends_the_hook(world: World) -> None:
    hook = world.hook()
    world.started()
    (id,) = world.waiting(hook)
    world.say(Attempted(delivery=id, status=410), "self")
    found = world.get(HOOK, hook)
    assert found is not None
    assert (found.suspended, found.revision, world.states(hook)) == (True, 2, ["DEAD"])


def test_a_delivery_of_another_hook_is_not_redelivered(world: World) -> None:
    one, two = world.hook(), world.hook()
    world.started()
    (id,) = world.waiting(one)
    assert world.command(Redeliver, hook=two, delivery=id).code == "delivery_not_found"
    assert world.command(Redeliver, hook=one, delivery="no").code == "delivery_not_found"
    assert world.command(Redeliver, hook=one, delivery=id) == Done(), "it waits already"


def test_all_that_is_dead_is_taken_up_page_by_page(world: World) -> None:
    hook = world.hook()
    for attempt in range(3):
        world.started(attempt=attempt)
    ids = tuple(world.waiting(hook))
    world.say(Shed(hook=hook, deliveries=ids, reason="too many"), "self")
    assert world.states(hook) == ["DEAD"] * 3
    world.command(Redeliver, hook=hook)
    found = world.get(HOOK, hook)
    assert found is not None
    assert found.redeliver == START
    world.say(Revive(hook=hook, deliveries=ids[:2], asked=START), "self")
    world.say(Revive(hook=hook, deliveries=ids[2:], asked=START), "self")
    world.say(Revive(hook=hook, deliveries=(), asked=START), "self")
    found = world.get(HOOK, hook)
    assert found is not None
    assert (found.redeliver, world.states(hook)) == (None, ["PENDING"] * 3)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_in_whatever_order_the_tally_is_what_there_is(seed: int) -> None:
    chance = random.Random(seed)
    world = World()
    world.version()
    hooks = [world.hook(), world.hook(pods=("pod-2",))]
    for _ in range(200):
        ids = tuple(world.all(DELIVERY))
        some = tuple(chance.sample(ids, min(len(ids), 3)))
        hook = chance.choice(hooks)
        own = tuple(id for id in some if world.all(DELIVERY)[id].hook == hook)
        match chance.randrange(7):
            case 0 | 1 | 2:
                world.started(pod=f"pod-{chance.randrange(1, 4)}")
            case 3 if some:
                world.say(Attempted(delivery=some[0], status=chance.choice([200, 404, 500, None])), "self")
            case 4:
                world.say(Shed(hook=hook, deliveries=own, reason="x"), "self")
            case 5:
                world.say(Revive(hook=hook, deliveries=own, asked=world.now), "self")
            case 6:
                world.say(Purge(deliveries=some), "self")
        world.pass_time(chance.random() * 20)
    for hook in hooks:
        tally, states = world.get(TALLY, hook), world.states(hook)
        assert tally is not None
        assert (tally.pending, tally.dead) == (states.count("PENDING"), states.count("DEAD"))


# --- the read side ----------------------------------------------------------------------------------------------------


async def test_lists_show_the_tenants_own_newest_deliveries_first_and_no_secret(tmp_path: Path, world: World) -> None:
    hook, _ = world.hook(), world.hook()
    for attempt in range(5):
        world.started(attempt=attempt)
    ids = list(world.waiting(hook))
    world.say(Attempted(delivery=ids[0], status=200), "self")
    world.say(Shed(hook=hook, deliveries=(ids[1],), reason="too many"), "self")
    async with stored(world, tmp_path / "n.sqlite", MIGRATIONS) as reader:

        async def ask(query: Any) -> Any:
            return await QUERIES[type(query)](query, reader)

        page = await ask(ListHooks(actor=ACME, limit=1))
        assert ([one.id for one in page.items], page.next) == ([hook], hook)
        rest = await ask(ListHooks(actor=ACME, cursor=page.next))
        assert (len(rest.items), rest.next) == (1, None)
        assert b"whsec_" not in msgspec.json.encode(page)
        one = await ask(GetHook(actor=ACME, hook=hook))
        assert (one.pending, one.dead, one.secret) == (3, 1, None)
        first = await ask(ListDeliveries(actor=ACME, hook=hook, limit=3))
        second = await ask(ListDeliveries(actor=ACME, hook=hook, limit=3, cursor=first.next))
        assert [view.id for view in (*first.items, *second.items)] == ids[::-1]
        assert second.next is None
        dead = await ask(ListDeliveries(actor=ACME, hook=hook, state="DEAD"))
        assert [(view.id, view.error) for view in dead.items] == [(ids[1], "too many")]
        assert (await ask(ListDeliveries(actor=ACME, hook=hook, state="NO"))).code == "validation_failed"
        for query in (GetHook(actor=BETA, hook=hook), ListDeliveries(actor=BETA, hook=hook)):
            assert (await ask(query)).code == "hook_not_found"
        assert (await ask(ListHooks(actor=BETA))).items == ()


@pytest.mark.parametrize(
    "given", [{"HOOK_BACKOFF": "soon"}, {"HOOK_BACKOFF": "0"}, {"HOOK_NETWORKS": "home"}, {"HOOK_TIMEOUT": "0"},
              {"MAX_HOOKS": "0"}, {"DEAD_SECONDS": "nan"}],
)  # fmt: skip
def test_unusable_settings_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        load(NotifierSettings, {"IMPRINT_DATA": "/data"} | {f"IMPRINT_{name}": value for name, value in given.items()})


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (couriers.HEADS, "deliveries_due"),
        (couriers.HEADS, "deliveries_in_order"),
        (couriers.ACTIVE, "deliveries_due"),
        (couriers.NEXT, "deliveries_in_order"),
        (housekeeping.OLDEST, "deliveries_by_state"),
        (housekeeping.DEAD, "deliveries_by_state"),
        (housekeeping.ENDED, "deliveries_ended"),
        (housekeeping.HELD, "deliveries_by_state"),
        (f"{queries.NEWEST} ORDER BY id DESC LIMIT 9", "deliveries_by_age"),
        (f"{queries.NEWEST} AND state = ? ORDER BY id DESC LIMIT 9", "deliveries_by_state"),
    ],
)
async def test_no_question_to_the_store_reads_all_deliveries(
    tmp_path: Path, world: World, sql: str, index: str
) -> None:
    async with stored(world, tmp_path / "n.sqlite", MIGRATIONS) as reader:
        plan = await reader.rows(f"EXPLAIN QUERY PLAN {sql}", ["1"] * sql.count("?"))
    steps = [str(step[-1]) for step in plan]
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN") and " h" not in step for step in steps), steps
