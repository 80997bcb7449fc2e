"""What the catalog lets others be told of: pods that they may use, and of a job what is their own tenant's."""

import json
from pathlib import Path

from catalog.queries import queries
from catalog.timeline import INSERT
from contracts.events.hub import PodRemoved
from contracts.requests import Actor, GetTimeline, See, Seen, TimelinePage
from core.catalog_world import ADA, MIGRATIONS, SETTINGS
from core.readside import stored
from core.shared_world import BOB, GIL, Shared

ANSWERS = queries(SETTINGS)
OPERATOR = Actor(tenant="house", name="gil", roles=("operator",))
AUDITOR = Actor(tenant="house", name="amy", roles=("auditor",))


async def test_e5_of_pods_somebody_knows_those_that_he_may_use(tmp_path: Path) -> None:
    world = Shared(pods=4)
    world.bind_pod("pod-1", "account:bees")
    world.bind_pod("pod-2", "acme", "gamma")
    world.say(PodRemoved(pod="pod-4", revision=1000), "replicator")
    pods = ("pod-1", "pod-2", "pod-3", "pod-4", "pod-5")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for actor, known in (
            (ADA, {"pod-2", "pod-3"}),
            (BOB, {"pod-1", "pod-3"}),
            (GIL, {"pod-2", "pod-3"}),
            (OPERATOR, {"pod-1", "pod-2", "pod-3"}),
            (AUDITOR, {"pod-1", "pod-2", "pod-3"}),
        ):
            seen = await ANSWERS[See](See(actor=actor, pods=pods), reader)
            assert isinstance(seen, Seen)
            assert set(seen.pods) == known, actor


async def test_e5_a_timeline_does_not_tell_what_a_job_brought_about_at_other_tenants(tmp_path: Path) -> None:
    world = Shared()
    accepted = world.import_()
    bodies = {
        "1": {"type": "assignment.updated.v1", "tenant": "beta"},
        "2": {"type": "version.delivery_requested.v1", "tenant": "acme", "member": "beta"},
        "3": {"type": "version.delivery_requested.v1", "tenant": "beta", "member": "acme"},
        "4": {"type": "copy.available.v1"},
    }
    for id, body in bodies.items():
        world.writes.append((INSERT, (accepted.job, id, 0.0, body["type"], "catalog", json.dumps(body))))
    asked = GetTimeline(actor=ADA, job=accepted.job, limit=2)
    found = []
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        while True:
            page = await ANSWERS[GetTimeline](asked, reader)
            assert isinstance(page, TimelinePage)
            found += [one.id for one in page.items]
            if page.next is None:
                break
            asked = GetTimeline(actor=ADA, job=accepted.job, limit=2, cursor=page.next)
    assert [id for id in found if id in bodies] == ["3", "4"]
    assert len(found) > 2
