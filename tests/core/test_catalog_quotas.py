"""Quotas: reserved before work starts, so that nothing overshoots (features.md A3, I3)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import quotas
from catalog.config import Config
from catalog.documents import GALLERY, TALLY
from catalog.domain import quota
from catalog.domain.quota import Tally
from catalog.handlers import reactions
from catalog.settings import CatalogSettings
from contracts.keeping import Quota, Usage
from contracts.requests import Accepted, Actor, CreateGallery, SetQuota
from contracts.views import QuotaView
from core.catalog_world import ADA, EVE, World, refused, vouched
from core.driver import Driver
from runtime.work import Batch, Message, Work

OPS = Actor(tenant="house", name="olga", roles=("operator",))


def small(**limits: Any) -> World:
    """A world whose settings allow little."""
    world = World()
    world.reactions = reactions(Config(CatalogSettings(data="", **limits), vouched))
    return world


def set_quota(
    world: World, tenant: str = "acme", actor: Actor = OPS, revision: int | None = None, **bounds: int
) -> Any:
    quota = Quota(**bounds)
    return world.ask(SetQuota(id=world.command_id(), actor=actor, tenant=tenant, quota=quota, revision=revision))


def gallery(world: World, name: str, **bounds: int) -> Any:
    return world.ask(CreateGallery(id=world.command_id(), actor=ADA, name=name, quota=Quota(**bounds)))


def use(world: World, tenant: str = "acme") -> Usage:
    found = world.get(TALLY, tenant)
    return Usage() if found is None else found.usage


def test_a3_a_tenant_without_a_quota_has_that_of_the_settings() -> None:
    world = World()
    assert CatalogSettings(data="").quota == Quota(galleries=100, images=1000, versions=10_000, bytes=None)
    view = set_quota(world)
    assert isinstance(view, QuotaView)
    assert view.quota == Quota(galleries=100, images=1000, versions=10_000, bytes=None)


def test_a3_a_gallery_past_the_tenants_limit_is_refused_and_the_refusal_names_limit_and_use() -> None:
    world = small(most_galleries=2)
    gallery(world, "a")
    world.register("base", gallery="b")
    expected = {"scope": "tenant", "name": "acme", "quota": "galleries", "limit": 2, "use": 2, "wanted": 1}
    assert refused(gallery(world, "c"), "quota_exceeded").data == expected
    assert refused(world.register("base", gallery="c"), "quota_exceeded").data == expected
    assert refused(world.import_("c/base"), "quota_exceeded").data == expected
    assert world.get(GALLERY, "acme/c") is None
    assert isinstance(world.import_("b/base"), Accepted)


def test_a3_an_image_past_the_limit_is_refused() -> None:
    world = small(most_images=2)
    world.register("a")
    world.import_("b")
    problem = refused(world.register("c"), "quota_exceeded")
    assert (problem.data["quota"], problem.data["limit"], problem.data["use"]) == ("images", 2, 2)
    refused(world.import_("c"), "quota_exceeded")
    assert use(world) == Usage(galleries=1, images=2, versions=1)


def test_i3_a_version_is_reserved_when_its_import_is_accepted() -> None:
    world = small(most_versions=2)
    world.import_("base")
    world.import_("base")
    problem = refused(world.import_("base"), "quota_exceeded")
    assert (problem.status, problem.data["quota"], problem.data["use"]) == (409, "versions", 2)


def test_i3_what_a_failed_import_reserved_is_free_again() -> None:
    world = small(most_versions=1)
    first = world.import_("base")
    refused(world.import_("base"), "quota_exceeded")
    world.rejected(first.version)
    assert use(world) == Usage(galleries=1, images=1)
    assert isinstance(world.import_("base"), Accepted)


def test_i3_what_a_cancelled_import_reserved_is_free_again() -> None:
    world = small(most_versions=1)
    first = world.import_("base")
    world.started(first.version)
    world.cancel_job(first.job)
    assert use(world).versions == 0
    assert isinstance(world.import_("base"), Accepted)


def test_i3_bytes_are_those_of_the_disk_files_once() -> None:
    world = World()
    world.published("base")
    assert use(world) == Usage(galleries=1, images=1, versions=1, bytes=8192)
    assert world.get(GALLERY, "acme/default").usage == Usage(images=1, versions=1, bytes=8192)  # type: ignore[union-attr]


def test_a3_a_gallerys_own_quota_holds_beside_the_tenants() -> None:
    world = World()
    gallery(world, "lab", images=1, versions=1)
    world.import_("lab/base")
    problem = refused(world.register("other", gallery="lab"), "quota_exceeded")
    assert problem.data == {"scope": "gallery", "name": "lab", "quota": "images", "limit": 1, "use": 1, "wanted": 1}
    assert refused(world.import_("lab/base"), "quota_exceeded").data["quota"] == "versions"
    assert isinstance(world.import_("default/base"), Accepted)


def test_a3_an_operator_raises_and_lowers_what_a_tenant_may_hold() -> None:
    world = small(most_images=1)
    world.register("a")
    refused(world.register("b"), "quota_exceeded")
    assert set_quota(world, images=2).quota.images == 2
    world.register("b")
    view = set_quota(world, images=1)
    assert (view.quota.images, view.usage.images) == (1, 2), "what there is stays"
    refused(world.register("c"), "quota_exceeded")
    assert set_quota(world).quota.images == 1, "a bound that is not given is the settings'"


def test_a3_a_quota_that_somebody_else_set_meanwhile_is_not_replaced() -> None:
    world = World()
    refused(set_quota(world, images=9, revision=1), "revision_mismatch")
    assert world.get(TALLY, "acme") is None
    assert set_quota(world, images=9, revision=0).revision == 1
    refused(set_quota(world, images=8, revision=0), "revision_mismatch")
    world.register("a")
    assert set_quota(world, images=9).revision == 1, "neither what is held nor the same again is a change"
    view = set_quota(world, images=7, revision=1)
    assert (view.revision, view.quota.images, view.usage.images) == (2, 7, 1)
    assert refused(set_quota(world, images=8, revision=1), "revision_mismatch").data["revision"] == 2
    assert set_quota(world).revision == 3, "as the settings have it again"
    world.floor = 5000
    assert set_quota(world, images=7, revision=3).revision == 5001


def test_a3_only_an_operator_sets_the_quota_of_a_tenant() -> None:
    world = World()
    refused(set_quota(world, actor=ADA), "forbidden")
    assert world.get(TALLY, "acme") is None


def test_a3_quotas_of_tenants_have_nothing_to_do_with_each_other() -> None:
    world = small(most_images=1)
    world.register("a")
    world.register("a", actor=EVE)
    refused(world.register("b", actor=EVE), "quota_exceeded")
    assert use(world, "evil") == use(world) == Usage(galleries=1, images=1)


def at_work(world: Driver, tenant: str, name: str) -> Work:
    """A work in which the documents that `quotas.refs` names are loaded."""
    batch = Batch(new_id=world.new_id)
    for kind, id in quotas.refs(tenant, name):
        assert id is not None
        batch.documents[kind.name, id] = world.get(kind, id)
    return Work(batch, Message("m", "self", world.now, "", None))


def test_i3_room_is_what_the_tighter_of_both_quotas_leaves() -> None:
    world, limits = World(), CatalogSettings(data="", most_bytes=1000)
    assert quotas.room(at_work(world, "acme", "lab"), CatalogSettings(data=""), "acme", "lab") is None
    assert quotas.room(at_work(world, "acme", "lab"), limits, "acme", "lab") == 1000
    gallery(world, "lab", bytes=300)
    assert quotas.room(at_work(world, "acme", "lab"), limits, "acme", "lab") == 300
    work = at_work(world, "acme", "lab")
    quotas.take(work, "acme", "lab", bytes=250)
    assert quotas.room(work, limits, "acme", "lab") == 50
    quotas.take(work, "acme", "lab", bytes=250)
    assert quotas.room(work, limits, "acme", "lab") == 0


def test_what_was_never_taken_is_given_back_without_going_below_nothing() -> None:
    world = World()
    work = at_work(world, "acme", "lab")
    quotas.give_back(work, "acme", "lab", images=1, versions=1, bytes=5)
    assert work.changed == {}
    quotas.take(work, "acme", "lab", images=1)
    quotas.give_back(work, "acme", "lab", images=2, versions=3, bytes=5)
    assert work.get(TALLY, "acme") == Tally(usage=Usage(galleries=1), galleries=("lab",))


counts = st.integers(min_value=0, max_value=20)
usages = st.builds(Usage, galleries=counts, images=counts, versions=counts, bytes=counts)
bounds = st.builds(Quota, **dict.fromkeys(quota.WHAT, st.none() | counts))


@given(limit=bounds, usage=usages, wanted=usages)
@settings(max_examples=300, deadline=None)
def test_i3_what_is_let_in_fits(limit: Quota, usage: Usage, wanted: Usage) -> None:
    problem = quota.objection("tenant", "acme", limit, usage, wanted)
    after = quota.plus(usage, wanted)
    over = [
        what
        for what in quota.WHAT
        if getattr(limit, what) is not None
        and getattr(wanted, what) > 0
        and getattr(after, what) > getattr(limit, what)
    ]
    assert (problem is None) == (not over)
    if problem is not None:
        assert problem.data["quota"] == over[0]
    assert quota.minus(after, wanted) == usage


@pytest.mark.parametrize("what", ["images", "versions", "bytes"])
def test_what_is_over_its_limit_hinders_nothing_else(what: str) -> None:
    over = Usage(**{what: 5})
    limit = Quota(**{what: 1})
    other = "images" if what == "versions" else "versions"
    assert quota.objection("tenant", "acme", limit, over, Usage(**{other: 1})) is None
