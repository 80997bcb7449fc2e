"""Pods that join, drain and leave, and policies that say what belongs on them."""

from pathlib import Path
from typing import Any

from contracts.errors import Problem
from contracts.events import hub, to_pods
from contracts.requests import (
    EditPlacement,
    EnrollPod,
    GetPod,
    ListPods,
    SetPodLabels,
    SetPodState,
    SetPolicy,
    SuspendPolicy,
)
from contracts.terms import Policy, Selector, Targets
from harness.asking import ACTOR
from harness.house import house
from saga.disks import raw

FIRST, SECOND, THIRD, FOURTH = ("pod-1", "pod-2", "pod-3", "pod-4")
EU = Selector(labels={"region": ("eu",)})


async def test_a_draining_pod_accepts_nothing_new_and_keeps_what_it_has(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        first = await home.imported()
        await home.published("1.0.0")
        drained = await home.command(SetPodState, pod=THIRD, verb="drain")
        assert drained.state == "DRAINING"
        second = await home.imported()
        _, second = await home.published(second.number)
        assert (second.state, second.copies.wanted) == ("AVAILABLE", 2)
        assert home.site(THIRD).items() == [first.id]
        named = await home.publish(second.number, pods=(THIRD,), again=True)
        assert isinstance(named, Problem)
        assert named.code == "pod_draining"
        readmitted = await home.command(SetPodState, pod=THIRD, verb="readmit")
        assert readmitted.state == "CONNECTED"
        _, second = await home.published(second.number, again=True)
        assert second.copies.available == 3


async def test_a_removed_pod_counts_no_more_and_only_a_new_token_brings_it_back(nats_url: str, tmp_path: Path) -> None:
    more: dict[str, dict[str, Any]] = {"replicator": {"enrolment": "token"}}
    async with house(nats_url, tmp_path, pods=0, more=more) as home:
        for pod in (FIRST, SECOND, THIRD):
            grant = await home.command(EnrollPod, pod=pod, labels={"region": "eu"})
            home.more[pod] = {"enrolment": grant.token}
        await home.start(FIRST, SECOND)
        assert (await home.ask(GetPod(actor=ACTOR, pod=SECOND))).labels["region"] == "eu"
        home.more[THIRD] = {"enrolment": home.more[SECOND]["enrolment"]}  # somebody else's
        await home._enter(THIRD)
        await home.quiet()
        assert [pod.name for pod in (await home.ask(ListPods(actor=ACTOR))).items] == [FIRST, SECOND]

        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.published("1.0.0")
        removed = await home.command(SetPodState, pod=SECOND, verb="remove")
        assert removed.state == "REMOVED"
        await home.record.expect(hub.CopyRemoved, version=version.id, pod=SECOND)
        await home.quiet()
        view = await home.version("1.0.0")
        assert (view.state, view.copies.wanted) == ("AVAILABLE", 1)
        last = await home.command(SetPodState, pod=FIRST, verb="remove")
        assert isinstance(last, Problem)
        assert last.code == "last_holder"

        await home.stop(SECOND)
        await home._enter(SECOND)  # with the token of its first enrolment
        await home.quiet()
        assert (await home.ask(GetPod(actor=ACTOR, pod=SECOND))).state == "REMOVED"
        grant = await home.command(EnrollPod, pod=SECOND)
        home.more[SECOND] = {"enrolment": grant.token}
        await home.stop(SECOND)
        await home.start(SECOND)
        _, view = await home.published("1.0.0", again=True)
        assert view.copies.available == 2


async def test_a_pod_that_joins_gets_what_a_policy_puts_on_its_label_without_any_call(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=2, more={FOURTH: {"labels": "region=eu"}}) as home:
        home.site(FIRST).vm("golden", raw(8))
        old = await home.imported()
        await home.published("1.0.0", pods=(FIRST,))
        new = await home.imported()
        await home.published(new.number, pods=(FIRST,))
        policy = await home.command(SetPolicy, name="eu", policy=Policy(selector=EU))
        assert policy.pods == ()
        await home.start(FOURTH)
        await home.record.expect(hub.CopyAvailable, version=new.id, pod=FOURTH)
        await home.quiet()
        assert home.site(FOURTH).items() == [new.id], "the newest version of the image only"
        assert old.id not in home.site(FOURTH).items()
        view = await home.version(new.number)
        assert (view.state, view.copies.wanted, view.copies.available) == ("AVAILABLE", 2, 2)

        await home.command(SuspendPolicy, name="eu")
        await home.command(SetPodLabels, pod=SECOND, labels={"region": "eu"})
        await home.quiet()
        assert home.site(SECOND).items() == []
        await home.command(SuspendPolicy, name="eu", resume=True)
        await home.record.expect(hub.CopyAvailable, version=new.id, pod=SECOND)


async def test_a_hard_policy_forbids_every_other_pod(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, more={SECOND: {"labels": "region=eu"}}) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.command(SetPolicy, name="eu", policy=Policy(selector=EU, kind="HARD", images=(version.image,)))
        await home.record.expect(hub.PolicySet)
        await home.quiet()
        refused = await home.publish("1.0.0", pods=(THIRD,))
        assert isinstance(refused, Problem)
        assert (refused.code, refused.status) == ("policy_forbids", 403)
        _, view = await home.published("1.0.0", targets=Targets(kind="selector", selector=EU))
        assert view.state == "AVAILABLE"
        assert {pod for pod, copy in (await home.copies(version.id)).items() if copy.state == "AVAILABLE"} == {SECOND}
        edited = await home.command(EditPlacement, version=version.id, add=(THIRD,))
        assert isinstance(edited, Problem)
        assert edited.code == "policy_forbids"
        assert home.record.of(to_pods.CopyRequested, pod=THIRD) == []
