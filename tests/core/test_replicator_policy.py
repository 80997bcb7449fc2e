"""Placement policies: what they put where, when they do it, and what they forbid."""

import random
from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.events.from_pods import CopyDropped, CopyFinalised
from contracts.events.hub import (
    CopyPlanned,
    PolicyDropped,
    PolicySet,
    Targets,
    VersionUnpublishRequested,
)
from contracts.events.to_pods import CopyRequested, CopyWithdrawn
from contracts.requests import (
    Actor,
    Command,
    DropPolicy,
    EditPlacement,
    EnrollPod,
    SetPodLabels,
    SetPodState,
    SetPolicy,
    SuspendPolicy,
)
from contracts.terms import Policy, Selector, Terms
from contracts.views import EnrolmentView, PolicyView
from core.replicating import FILES, MANIFEST, TENANT, House, announcement, heartbeat
from replicator.documents import PLACEMENT, POD, POLICY, ROSTER, SHELF
from replicator.domain.pod import Removed, accepts
from replicator.domain.policy import heeded, selectable
from replicator.domain.shelf import Shelf, Shelved, newest, shelve
from runtime.enrolment import EnrolmentSigner
from runtime.signing import PrivateKey

KEY = PrivateKey.generate()

ACTOR = Actor(tenant=TENANT, name="ada", roles=("owner",))


def version(image: int, number: int) -> str:
    """The id of version ``number``.0.0 of an image."""
    return f"{image:016x}{number:016x}"


def image_id(number: int) -> str:
    return f"{number:032x}"


GOLD = Selector(labels={"tier": ("gold",)})
SOURCE = Targets(kind="list", pods=("pod-1",))


class Fleet(House):
    """The replicator, pods that make every copy they are asked for, and people with policies."""

    def __init__(self, **labels: dict[str, str]) -> None:
        super().__init__(enrolment=EnrolmentSigner(KEY))
        self.told = 0
        for name, own in {"pod_1": {}, **labels}.items():
            self.join(name.replace("_", "-"), own)

    def join(self, name: str, labels: dict[str, str], **changes: Any) -> None:
        """A pod announces itself (again); one that is not, or no longer, part of the house brings a token."""
        known, token = self.get(POD, name), ""
        if known is None or isinstance(known, Removed):
            reply = self.ask(EnrollPod(actor=ACTOR, id=self.new_id(), pod=name))
            assert isinstance(reply, EnrolmentView)
            token = reply.token
        self.pass_time(1.0)
        self.pod(name, announcement(f"boot-{self.new_id()}", labels=labels, token=token, **changes))
        self.settle()

    def do(self, kind: type[Command], **given: Any) -> Any:
        """A person asks; the reply, once everything that follows has happened."""
        given.setdefault("actor", ACTOR)
        reply = self.ask(kind(id=self.new_id(), **given))
        self.settle()
        return reply

    def set(self, name: str = "gold", selector: Selector = GOLD, revision: int | None = None, **body: Any) -> Any:
        """A policy is set."""
        return self.do(SetPolicy, name=name, policy=Policy(selector=selector, **body), revision=revision)

    def release(self, image: int = 1, number: int = 1, publication: int = 1, **changes: Any) -> None:
        """A version is published; to the source pod alone unless changed."""
        given = {"targets": SOURCE, "image": image_id(image), "number": f"{number}.0.0"} | changes
        self.publish(publication, version=version(image, number), **given)
        self.settle()

    def withdraw(self, image: int, number: int) -> None:
        """A version is unpublished."""
        words = VersionUnpublishRequested(
            version=version(image, number), image=image_id(image), number=f"{number}.0.0", tenant=TENANT,
            publication=1, revision=2,
        )  # fmt: skip
        self.say(words, "catalog")
        self.settle()

    def settle(self) -> None:
        """Everything that was set going comes to its end."""
        quiet = 0
        while quiet < 3:
            before = len(self.emitted)
            self.pass_time(2.0)
            self._answer()
            for name, pod in self.all(POD).items():
                if accepts(pod):
                    self.pod(name, heartbeat(pod.boot, datastores=pod.datastores))
            quiet = quiet + 1 if len(self.emitted) == before else 0

    def _answer(self) -> None:
        while self.told < len(self.emitted):
            event = self.emitted[self.told].event
            self.told += 1
            if isinstance(event, CopyRequested):
                done = CopyFinalised(
                    copy=event.copy, version=event.version, attempt=event.attempt, digest=MANIFEST.digest, item="item",
                    datastore=event.datastore or "store", files=FILES, bytes_network=1, bytes_reused=0,
                )  # fmt: skip
                self.pod(event.pod, done)
            elif isinstance(event, CopyWithdrawn):
                self.pod(event.pod, CopyDropped(copy=event.copy, version=event.version, attempt=event.attempt))

    def on(self, image: int = 1, number: int = 1) -> list[str]:
        """The pods on which a version is wanted."""
        roster = self.get(ROSTER, version(image, number))
        return [] if roster is None else sorted(roster.wanted)


def code(reply: Any) -> str:
    return reply.code if isinstance(reply, Problem) else ""


# --- what a policy does -----------------------------------------------------------------------------------------------


def test_a_policy_puts_published_versions_on_the_pods_that_it_selects() -> None:
    fleet = Fleet(pod_2={"tier": "gold"}, pod_3={"tier": "iron"})
    fleet.release()
    fleet.set()
    assert fleet.on() == ["pod-1", "pod-2"]


def test_a_version_that_is_published_later_goes_there_too() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.set()
    fleet.release()
    assert fleet.on() == ["pod-1", "pod-2"]


def test_a_pod_that_joins_gets_it_without_any_call() -> None:
    fleet = Fleet()
    fleet.set()
    fleet.release()
    fleet.join("pod-9", {"tier": "gold"})
    assert fleet.on() == ["pod-1", "pod-9"]


def test_a_pod_that_is_relabelled_gets_it() -> None:
    fleet = Fleet(pod_2={"tier": "iron"})
    fleet.set()
    fleet.release()
    fleet.do(SetPodLabels, pod="pod-2", labels={"tier": "gold"})
    assert fleet.on() == ["pod-1", "pod-2"]


def test_a_pod_that_is_readmitted_gets_what_it_missed() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.do(SetPodState, pod="pod-2", verb="drain")
    fleet.set()
    fleet.release()
    assert fleet.on() == ["pod-1"]
    fleet.do(SetPodState, pod="pod-2", verb="readmit")
    assert fleet.on() == ["pod-1", "pod-2"]


def test_only_the_newest_versions_go_there_by_number() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    for number in (2, 10, 9):
        fleet.release(number=number)
    fleet.set(versions=2)
    assert [number for number in (2, 9, 10) if "pod-2" in fleet.on(1, number)] == [9, 10]


def test_when_the_newest_is_unpublished_the_one_before_takes_its_place() -> None:
    fleet = Fleet()
    fleet.release(number=1)
    fleet.release(number=2)
    fleet.set()
    fleet.withdraw(1, 2)
    fleet.join("pod-9", {"tier": "gold"})
    assert "pod-9" in fleet.on(1, 1)


def test_a_version_that_is_published_dark_displaces_nothing() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.set()
    fleet.release(number=1)
    fleet.release(number=2, terms=Terms(exclude_from_latest=True))
    fleet.join("pod-9", {"tier": "gold"})
    assert fleet.on(1, 1) == ["pod-1", "pod-2", "pod-9"]
    assert fleet.on(1, 2) == ["pod-1"]


def test_nothing_is_added_to_a_shallow_version() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.set()
    fleet.release(terms=Terms(mode="shallow"))
    assert fleet.on() == ["pod-1"]


def test_a_policy_for_one_image_leaves_the_others_alone() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.release(1)
    fleet.release(2)
    fleet.set(images=(image_id(2),))
    assert fleet.on(1) == ["pod-1"]
    assert fleet.on(2) == ["pod-1", "pod-2"]


def test_a_policy_leaves_the_images_of_other_tenants_alone() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.release(1, tenant="globex")
    fleet.set()
    assert fleet.on(1) == ["pod-1"]


def test_a_policy_asks_for_replicas_where_there_are_datastores_for_them() -> None:
    stores = tuple(msgspec.structs.replace(announcement().datastores[0], name=f"store-{number}") for number in range(2))
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.join("pod-3", {"tier": "gold"}, datastores=stores)
    fleet.release()
    fleet.set(replicas=2)
    roster = fleet.get(ROSTER, version(1, 1))
    assert roster is not None
    assert roster.wanted == {"pod-1": (0,), "pod-3": (0, 1)}


def test_a_pod_that_cannot_have_it_gets_it_once_it_can() -> None:
    fleet = Fleet()
    fleet.join("pod-2", {"tier": "gold"}, formats=("vhd",))
    fleet.release()
    fleet.set()
    assert fleet.on() == ["pod-1"]
    fleet.join("pod-2", {"tier": "gold"})
    assert fleet.on() == ["pod-1", "pod-2"]


def test_a_copy_that_was_skipped_by_its_publish_is_made_once_the_pod_can() -> None:
    fleet = Fleet()
    fleet.join("pod-2", {"tier": "gold"}, formats=("vhd",))
    fleet.set()
    fleet.release(targets=Targets())
    fleet.join("pod-2", {"tier": "gold"})
    planned = [event for event in fleet.events() if isinstance(event, CopyPlanned) and event.pod == "pod-2"]
    assert [event.state for event in planned] == ["SKIPPED", "PENDING"]


def test_what_a_person_took_from_a_pod_is_not_put_back_by_a_policy() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.set()
    fleet.release()
    fleet.do(EditPlacement, version=version(1, 1), remove=("pod-2",))
    fleet.join("pod-2", {"tier": "gold"})
    assert fleet.on() == ["pod-1"]


def test_a_suspended_policy_does_nothing_until_it_is_resumed() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    fleet.set(suspended=True)
    fleet.release()
    assert fleet.on() == ["pod-1"]
    reply = fleet.do(SuspendPolicy, name="gold", resume=True)
    assert isinstance(reply, PolicyView)
    assert reply.revision == 2
    assert fleet.on() == ["pod-1", "pod-2"]


def test_copies_stay_when_the_policy_goes_or_the_label_does() -> None:
    fleet = Fleet(pod_2={"tier": "gold"}, pod_3={"tier": "gold"})
    fleet.set()
    fleet.release()
    fleet.do(SetPodLabels, pod="pod-3", labels={"tier": "iron"})
    fleet.do(DropPolicy, name="gold")
    assert fleet.on() == ["pod-1", "pod-2", "pod-3"]


# --- HARD -------------------------------------------------------------------------------------------------------------

HOME = Selector(labels={"pod": ("pod-1",), "tier": ("gold",)}, match="any")


def test_a_publish_skips_what_a_hard_policy_forbids() -> None:
    fleet = Fleet(pod_2={"tier": "gold"}, pod_3={"tier": "iron"})
    fleet.set(kind="HARD", selector=HOME)
    fleet.release(targets=Targets())
    planned = {event.pod: event for event in fleet.events() if isinstance(event, CopyPlanned)}
    assert {pod: event.state for pod, event in planned.items()} == {
        "pod-1": "PENDING",
        "pod-2": "PENDING",
        "pod-3": "SKIPPED",
    }
    assert planned["pod-3"].reason.startswith("policy_forbids: ")


def test_an_edit_that_a_hard_policy_forbids_is_refused() -> None:
    fleet = Fleet(pod_3={"tier": "iron"})
    fleet.set(kind="HARD", selector=HOME)
    fleet.release()
    reply = fleet.do(EditPlacement, version=version(1, 1), add=("pod-3",))
    assert code(reply) == "policy_forbids"
    assert fleet.on() == ["pod-1"]


def test_a_hard_policy_takes_nothing_away() -> None:
    fleet = Fleet(pod_3={"tier": "iron"})
    fleet.release(targets=Targets())
    fleet.set(kind="HARD", selector=HOME)
    assert fleet.on() == ["pod-1", "pod-3"]


def test_a_soft_policy_does_not_reach_beyond_a_hard_one() -> None:
    fleet = Fleet(pod_2={"tier": "gold"}, pod_3={"tier": "iron"})
    fleet.set("only", kind="HARD", selector=HOME)
    fleet.set("also", selector=Selector(labels={"tier": ("iron",)}))
    fleet.release()
    assert fleet.on() == ["pod-1", "pod-2"]


@pytest.mark.parametrize("verb", ["drop", "suspend", "change"])
def test_what_a_hard_policy_kept_away_comes_when_it_no_longer_does(verb: str) -> None:
    fleet = Fleet(pod_2={"tier": "gold"}, pod_3={"tier": "iron"})
    fleet.set("only", kind="HARD", selector=HOME)
    fleet.set("also", selector=Selector(labels={"tier": ("iron",)}))
    fleet.release()
    if verb == "change":
        fleet.set("only", kind="HARD", selector=HOME, images=(image_id(2),))
    else:
        fleet.do(DropPolicy if verb == "drop" else SuspendPolicy, name="only")
    assert fleet.on() == ["pod-1", "pod-2", "pod-3"]


# --- the commands -----------------------------------------------------------------------------------------------------


def test_setting_a_policy_says_it_and_names_the_pods_that_match() -> None:
    fleet = Fleet(pod_2={"tier": "gold"})
    reply = fleet.set()
    assert reply.pods == ("pod-2",)
    assert reply.revision == 1
    said = [event for event in fleet.events() if isinstance(event, PolicySet)]
    assert [(event.tenant, event.name, event.revision) for event in said] == [(TENANT, "gold", 1)]


def test_setting_the_same_policy_again_is_no_change() -> None:
    fleet = Fleet()
    fleet.set()
    assert fleet.set().revision == 1
    assert sum(isinstance(event, PolicySet) for event in fleet.events()) == 1


@pytest.mark.parametrize(
    ("revision", "refused"), [(None, ""), (1, ""), (0, "revision_mismatch"), (2, "revision_mismatch")]
)
def test_a_policy_is_changed_at_the_revision_that_was_read(revision: int | None, refused: str) -> None:
    fleet = Fleet()
    fleet.set()
    assert code(fleet.set(versions=2, revision=revision)) == refused


def test_a_policy_that_was_dropped_is_set_anew_at_revision_nought_and_goes_on_counting() -> None:
    fleet = Fleet()
    fleet.set()
    fleet.do(DropPolicy, name="gold")
    said = [event.revision for event in fleet.events() if isinstance(event, PolicyDropped)]
    assert said == [2]
    assert code(fleet.set(revision=2)) == "revision_mismatch"
    assert fleet.set(revision=0).revision == 3


@pytest.mark.parametrize("kind", [SuspendPolicy, DropPolicy])
def test_a_policy_that_is_not_there_cannot_be_changed(kind: type[Command]) -> None:
    fleet = Fleet()
    fleet.set()
    assert code(fleet.do(kind, name="other")) == "policy_not_found"
    eve = Actor(tenant="globex", name="eve", roles=("owner",))
    assert code(fleet.do(kind, name="gold", actor=eve)) == "policy_not_found"
    fleet.do(DropPolicy, name="gold")
    assert code(fleet.do(kind, name="gold")) == "policy_not_found"


def test_a_tenant_has_a_bounded_number_of_policies() -> None:
    fleet = Fleet()
    body = Policy(selector=GOLD)
    for number in range(100):
        fleet.ask(SetPolicy(actor=ACTOR, id=fleet.new_id(), name=f"policy-{number}", policy=body))
    assert code(fleet.set("one-more")) == "policy_invalid"
    assert code(fleet.set("policy-7", versions=2)) == ""


def test_a_policy_is_no_larger_than_a_message() -> None:
    values = tuple(f"{number:064}" for number in range(64))
    labels = {f"key-{number}": values for number in range(16)}
    assert code(Fleet().set(selector=Selector(labels=labels))) == "policy_invalid"


def test_tenants_whose_names_run_into_those_of_policies_do_not_meet() -> None:
    fleet = Fleet()
    one = Actor(tenant="acme", name="ada", roles=("owner",))
    other = Actor(tenant="acme.lab", name="eve", roles=("owner",))
    body = Policy(selector=GOLD)
    assert code(fleet.do(SetPolicy, actor=one, name="lab.gold", policy=body)) == ""
    assert code(fleet.do(SetPolicy, actor=other, name="gold", policy=body)) == "policy_invalid"
    assert code(fleet.do(DropPolicy, actor=other, name="gold")) == "policy_not_found"


def test_a_long_sweep_goes_on_where_it_stopped() -> None:
    fleet = Fleet()
    for image in range(1, 121):
        fleet.release(image)
    fleet.set()
    fleet.join("pod-9", {"tier": "gold"})
    assert [image for image in range(1, 121) if "pod-9" not in fleet.on(image)] == []


def test_a_shelf_has_the_highest_number_first() -> None:
    shelf = Shelf(tenant=TENANT)
    for number in ("1.9.0", "1.10.0", "0.1.2"):
        shelf = shelve(shelf, Shelved(version=number, number=number))
    shelf = shelve(shelf, Shelved(version="2.0.0", number="2.0.0", dark=True))
    assert newest(shelf, 2) == ("1.10.0", "1.9.0")


# --- whatever comes ---------------------------------------------------------------------------------------------------


class Chance:
    """People, pods and the catalog in random order; and what must be true at the end."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fleet = Fleet(pod_2={"tier": "gold"}, pod_3={"tier": "iron", "region": "eu"})
        self.published: dict[tuple[int, int], int] = {}
        self.checked = len(self.fleet.emitted)

    def step(self) -> None:
        fleet, choice = self.fleet, self.random.choice
        before = {name: selectable(pod) for name, pod in fleet.all(POD).items()}
        pod = f"pod-{self.random.randint(2, 7)}"
        labels = {"tier": choice(("gold", "iron")), "region": choice(("eu", "us"))}
        name = choice(("a", "b", "c"))
        match self.random.randint(0, 9):
            case 0 | 1:
                fleet.join(pod, labels)
            case 2:
                fleet.do(SetPodLabels, pod=pod, labels=choice(({}, labels)))
            case 3:
                fleet.do(SetPodState, pod=pod, verb=choice(("drain", "readmit", "readmit")))
            case 4:
                fleet.do(SetPodState, pod=pod, verb="remove", force=True)
            case 5 | 6:
                key = choice(("tier", "region"))
                selector = Selector(labels={key: (labels[key],), "pod": ("pod-1",)}, match="any")
                fleet.set(name, selector, kind=choice(("SOFT", "HARD")), versions=self.random.randint(1, 2))
            case 7:
                fleet.do(choice((SuspendPolicy, DropPolicy)), name=name)
            case 8:
                fleet.do(SuspendPolicy, name=name, resume=True)
            case _:
                self._release()
        self._nobody_else_got_new_ones(before)

    def _release(self) -> None:
        image, number = self.random.randint(1, 3), self.random.randint(1, 4)
        if self.random.random() < 0.25 and (image, number) in self.published:
            publication = self.published[image, number]
            words = VersionUnpublishRequested(
                version=version(image, number), image=image_id(image), number=f"{number}.0.0", tenant=TENANT,
                publication=publication, revision=2,
            )  # fmt: skip
            self.fleet.say(words, "catalog")
            self.fleet.settle()
            return
        publication = self.published.get((image, number), 0) + 1
        self.published[image, number] = publication
        self.fleet.release(image, number, publication, targets=self.random.choice((SOURCE, Targets())))

    def _nobody_else_got_new_ones(self, before: dict[str, dict[str, str]]) -> None:
        """HARD policies are in force before the step or from it on: what was planned in it met those of its end, or was
        planned for a pod as it was before."""
        fleet = self.fleet
        policies = list(fleet.all(POLICY).values())
        for event in fleet.events(fleet.emitted[self.checked :]):
            if isinstance(event, CopyPlanned) and event.state == "PENDING":
                pod = fleet.get(POD, event.pod)
                assert pod is not None
                labels = [selectable(pod), before.get(event.pod, {})]
                for name, policy in heeded(policies, TENANT, event.image):
                    allowed = policy.kind == "SOFT" or any(policy.selector.matches(one) for one in labels)
                    assert allowed, f"{event.pod} got {event.version} against {name}"
        self.checked = len(fleet.emitted)

    def everybody_has_the_newest(self) -> None:
        """Every pod that a policy wants the newest versions on has them, unless a HARD one forbids it."""
        fleet = self.fleet
        policies = list(fleet.all(POLICY).values())
        for image, shelf in fleet.all(SHELF).items():
            heed = heeded(policies, TENANT, image)
            for name, policy in heed:
                for one in newest(shelf, policy.versions):
                    roster, placement = fleet.get(ROSTER, one), fleet.get(PLACEMENT, one)
                    assert roster is not None
                    assert placement is not None
                    assert placement.state == "LIVE"
                    for pod_name, pod in fleet.all(POD).items():
                        labels = selectable(pod)
                        meant = accepts(pod) and policy.selector.matches(labels)
                        free = all(other.kind == "SOFT" or other.selector.matches(labels) for _, other in heed)
                        if meant and free:
                            assert pod_name in roster.wanted, f"{pod_name} lacks {one} of {name}"


@pytest.mark.parametrize("seed", range(16))
def test_whatever_comes_in_whatever_order_policies_hold_in_the_end(seed: int) -> None:
    chance = Chance(seed)
    for _ in range(80):
        chance.step()
    chance.everybody_has_the_newest()
