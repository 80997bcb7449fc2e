"""A publish as the replicator plays it: from the catalog's word to the last copy's end."""

from datetime import timedelta
from typing import get_args

import msgspec
import pytest

from contracts.events import Speaker
from contracts.events.from_pods import Datastore
from contracts.events.hub import CopyAvailable, CopyFailed, CopyPlanned, PlacementRefused, Targets
from contracts.events.to_pods import CopyRequested, CopyWithdrawn
from contracts.names import copy_id
from contracts.requests import REPLIES, Command
from contracts.terms import Requirements, Terms
from contracts.topology import HEARS
from core.driver import START
from core.replicating import (
    DEADLINE,
    MANIFEST,
    SAGA,
    TENANT,
    VERSION,
    House,
    announcement,
    finalised,
    heartbeat,
    kinds,
    plainly,
    rejected,
    transferred,
)
from replicator.documents import PLACEMENT, QUEUE
from replicator.domain.retry import Policy
from replicator.handlers import LOCAL, Config, reactions
from runtime.tickets import Ticket

ALONE = Targets(kind="list", pods=("pod-2",))
"""Not the source pod."""


@pytest.mark.parametrize(
    ("requires", "datastore"),
    [
        (Requirements(), None),
        (Requirements(disallowed_disk_types=("hdd",)), "fast"),
        (Requirements(disk_types=("ssd",)), "fast"),
        (Requirements(disk_types=("hdd",)), "slow"),
    ],
)
def test_h2_the_only_copy_on_a_pod_lies_on_a_datastore_of_a_type_that_is_asked_for(
    requires: Requirements, datastore: str | None
) -> None:
    house = House("pod-1")
    stores = (
        Datastore(name="slow", capacity=10_000, free=9_000, disk_type="hdd"),
        Datastore(name="fast", capacity=10_000, free=8_000, disk_type="ssd"),
    )
    house.pod("pod-2", announcement(datastores=stores))
    house.pod("pod-2", heartbeat(datastores=stores))
    (asked,) = [
        one for one in house.publish(targets=ALONE, terms=Terms(requires=requires)) if type(one) is CopyRequested
    ]
    assert asked.datastore == datastore


def test_h6_a_pod_is_told_what_its_hosts_must_be_able_to_do_but_for_the_source_pod() -> None:
    house = House("pod-1")
    house.pod("pod-2", announcement(capabilities=("secureboot", "gpu.nvidia")))
    house.pod("pod-3", announcement())
    terms = Terms(requires=Requirements(capabilities=("secureboot",), gpu_types=("nvidia", "amd")))
    said = house.publish(terms=terms)
    asked = {one.pod: (one.capabilities, one.gpu_types) for one in said if isinstance(one, CopyRequested)}
    assert asked == {"pod-1": ((), ()), "pod-2": (("secureboot",), ("nvidia", "amd"))}
    (skipped,) = [one for one in said if isinstance(one, CopyPlanned) and one.state == "SKIPPED"]
    assert (skipped.pod, skipped.reason.partition(":")[0]) == ("pod-3", "capability_missing")


def test_the_replicator_answers_what_it_hears_and_what_it_tells_itself() -> None:
    handled = reactions(Config(sign=plainly)).keys()
    commands = {kind for kind in REPLIES if issubclass(kind, Command) and ".replicator." in kind.subject()}
    assert set(handled) == set(HEARS[Speaker.REPLICATOR]) | set(get_args(LOCAL)) | commands


def test_each_connected_pod_is_planned_and_asked_at_once() -> None:
    house = House("pod-1", "pod-2")
    said = house.publish()
    assert kinds(said) == ["placement.planned"] + ["copy.planned"] * 2 + ["copy.started", "copy.requested"] * 2
    placement, planned, asked = said[0], said[2], said[6]
    assert (placement.wanted, placement.skipped, placement.publication, placement.revision) == (2, 0, 1, 1)
    assert (placement.estimate, placement.warning) == (None, None), "nothing was measured yet"
    assert planned == CopyPlanned(
        copy=copy_id(VERSION, "pod-2", 0), version=VERSION, image="image-1", pod="pod-2", replica=0,
        publication=1, wanted=2, state="PENDING", revision=1,
    )  # fmt: skip
    assert isinstance(asked, CopyRequested)
    assert (asked.pod, asked.attempt, asked.tenant, asked.manifest) == ("pod-2", 1, TENANT, MANIFEST)
    assert [(holder.pod, holder.address) for holder in asked.holders] == [("pod-1", "http://127.0.0.1:9000")]


def test_everything_of_a_copy_is_said_in_the_saga_of_its_publish() -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    house.pod("pod-2", rejected("pod-2"))  # under another saga: a pod's headers prove nothing
    house.pass_time(60)
    house.pod("pod-2", finalised("pod-2", 2))
    copies = [said for said in house.emitted if said.event.words().startswith("copy.")]
    assert {said.saga for said in copies} == {SAGA}
    assert {"copy.delayed", "copy.started", "copy.available"} <= {said.event.words() for said in copies}


def test_a_ticket_names_the_pod_and_the_disks_and_ends_with_the_publish() -> None:
    signed: list[Ticket] = []

    def sign(ticket: Ticket) -> str:
        signed.append(ticket)
        return "token"

    for longest, expires in ((7200.0, DEADLINE), (60.0, START + timedelta(seconds=60))):
        house = House()
        house.reactions = reactions(Config(sign=sign, ticket_seconds=longest))
        house.pod("pod-1", announcement())
        house.pod("pod-2", announcement())
        house.publish(targets=ALONE)
        roots = tuple(disk.root for disk in MANIFEST.disks)
        assert signed[-1] == Ticket(pod="pod-2", version=VERSION, roots=roots, expires=expires)
        assert house.events()[-1].ticket_expires == expires


def test_a_copy_is_available_only_by_the_word_of_its_own_pod() -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish()
    assert house.pod("pod-3", transferred("pod-2")) == []
    assert house.pod("pod-3", finalised("pod-2")) == []
    assert house.state("pod-2") == "REPLICATING"
    assert house.pod("pod-2", transferred("pod-2")) == []
    assert house.state("pod-2") == "FINALIZING"
    said = house.pod("pod-2", finalised("pod-2"))
    assert said == [
        CopyAvailable(
            copy=copy_id(VERSION, "pod-2", 0), version=VERSION, image="image-1", pod="pod-2", attempt=1,
            digest=MANIFEST.digest, datastore="store", bytes_network=1200, bytes_reused=300, revision=3,
        )
    ]  # fmt: skip
    assert house.pod("pod-2", finalised("pod-2")) == []


@pytest.mark.parametrize(
    "words",
    [
        finalised("pod-2", version="0" * 32),
        finalised("pod-2", copy="nothing"),
        finalised("pod-2", copy=copy_id(VERSION, "pod-1", 0)),
        rejected("pod-2", attempt=2),
    ],
)
def test_a_report_that_fits_no_request_changes_nothing(words: object) -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    before = dict(house.documents)
    assert house.pod("pod-2", words) == []
    assert house.documents == before


def test_a_holder_that_finished_serves_the_next_attempt_first() -> None:
    house = House("pod-1", "pod-2", "pod-3", policy=Policy(backoff=(5.0,)))
    house.publish()
    house.pod("pod-3", finalised("pod-3"))
    firsts = set()
    for attempt in (1, 2):
        assert kinds(house.pod("pod-2", rejected("pod-2", attempt))) == ["copy.delayed"]
        assert house.state("pod-2") == "RETRY_PENDING"
        said = house.events(house.pass_time(7))
        assert kinds(said) == ["copy.started", "copy.requested"]
        asked = said[-1]
        assert {holder.pod for holder in asked.holders} == {"pod-1", "pod-3"}
        assert asked.attempt == attempt + 1
        firsts.add(asked.holders[0].pod)
    assert firsts == {"pod-1", "pod-3"}


def test_attempts_run_out() -> None:
    house = House("pod-1", "pod-2", policy=Policy(max_attempts=2, backoff=(5.0,)))
    house.publish(targets=ALONE)
    house.pod("pod-2", rejected("pod-2"))
    house.pass_time(10)
    said = house.pod("pod-2", rejected("pod-2", 2, code="no_space"))
    assert kinds(said) == ["copy.failed"]
    assert said[0].failure.code == "no_space"
    assert "copy.failed" not in kinds(house.events(house.pass_time(7200)))
    assert [failure.code for failure in house.copy("pod-2").history] == ["source_unreachable", "no_space"]


def test_a_permanent_failure_is_not_tried_again() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=ALONE)
    assert kinds(house.pod("pod-2", rejected("pod-2", retry=False))) == ["copy.failed"]
    assert not [name for name in house.reminders if name.startswith("retry:")]


def test_a_copy_that_finishes_while_it_waits_needs_no_further_attempt() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=ALONE)
    house.pod("pod-2", rejected("pod-2"))
    assert kinds(house.pod("pod-2", finalised("pod-2"))) == ["copy.available"]
    assert not [name for name in house.reminders if name.startswith("retry:")]


def test_an_offline_pod_is_picked_up_on_its_return() -> None:
    house = House("pod-1", "pod-2")
    house.pass_time(40)
    house.pod("pod-1", heartbeat())
    said = house.publish()
    assert kinds(said) == ["placement.planned", "copy.planned", "copy.planned", "copy.started", "copy.requested"]
    assert house.state("pod-2") == "PENDING"
    said = house.pod("pod-2", heartbeat())
    assert kinds(said) == ["pod.connected", "copy.started", "copy.requested"]
    assert kinds(house.pod("pod-2", finalised("pod-2"))) == ["copy.available"]


def test_an_offline_pod_fails_at_the_deadline_and_nothing_is_withdrawn() -> None:
    house = House("pod-1", "pod-2")
    house.pass_time(40)
    house.publish(targets=ALONE, deadline=house.now + timedelta(seconds=60))
    said = house.events(house.pass_time(61))
    assert kinds(said) == ["copy.failed"]
    assert isinstance(said[0], CopyFailed)
    assert (said[0].failure.code, said[0].attempt) == ("pod_offline", 0)
    assert kinds(house.pod("pod-2", announcement("boot-2"))) == ["pod.connected"]


def test_a_deadline_ends_and_withdraws_what_is_unfinished_and_that_cannot_come_back() -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish(deadline=house.now + timedelta(seconds=20))
    house.pod("pod-1", finalised("pod-1"))
    said = house.events(house.pass_time(20))
    assert kinds(said) == ["copy.failed", "copy.withdrawn"] * 2
    assert said[1] == CopyWithdrawn(pod="pod-2", copy=copy_id(VERSION, "pod-2", 0), version=VERSION, attempt=1)
    assert house.pod("pod-2", finalised("pod-2")) == []
    assert (house.state("pod-1"), house.state("pod-2")) == ("AVAILABLE", "FAILED")


def test_a_retry_whose_pod_went_away_waits_for_it() -> None:
    house = House("pod-1", "pod-2", policy=Policy(backoff=(60.0,)))
    house.publish(targets=ALONE)
    house.pod("pod-2", rejected("pod-2"))
    assert kinds(house.events(house.pass_time(80))) == ["pod.disconnected"] * 2
    assert house.state("pod-2") == "PENDING"
    house.pod("pod-1", heartbeat())
    assert kinds(house.pod("pod-2", heartbeat())) == ["pod.connected", "copy.started", "copy.requested"]
    assert house.copy("pod-2").attempt == 2


def test_wrong_bytes_are_withdrawn_and_fetched_again() -> None:
    house = House("pod-1", "pod-2")
    house.publish(targets=ALONE)
    said = house.pod("pod-2", finalised("pod-2", digest="0" * 64))
    assert kinds(said) == ["copy.withdrawn", "copy.delayed"]
    assert said[1].failure.code == "digest_mismatch"
    house.pass_time(60)
    assert kinds(house.pod("pod-2", finalised("pod-2", 2))) == ["copy.available"]


def test_a_repeated_publish_touches_only_what_is_not_available() -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    house.pod("pod-2", rejected("pod-2", retry=False))
    said = house.publish(2)
    assert kinds(said) == ["placement.planned", "copy.planned", "copy.planned", "copy.started", "copy.requested"]
    assert [(one.pod, one.state, one.publication) for one in said[1:3]] == [
        ("pod-1", "AVAILABLE", 2), ("pod-2", "PENDING", 2),
    ]  # fmt: skip
    assert (said[4].pod, said[4].attempt, [holder.pod for holder in said[4].holders]) == ("pod-2", 2, ["pod-1"])


def test_a_publish_heard_twice_or_overtaken_plans_nothing() -> None:
    house = House("pod-1")
    house.publish(2)
    before = dict(house.documents)
    assert house.publish(2) == []
    assert house.publish(1) == []
    assert house.documents == before


def test_a_pod_that_joins_later_gets_nothing_until_a_further_publish() -> None:
    house = House("pod-1")
    house.publish()
    assert kinds(house.pod("pod-2", announcement())) == ["pod.enrolled", "pod.connected"]
    assert [one.pod for one in house.publish(2) if isinstance(one, CopyPlanned)] == ["pod-1", "pod-2"]


def test_copies_of_an_earlier_publish_keep_their_own_deadline() -> None:
    house = House("pod-1", "pod-2")
    house.publish(1, deadline=house.now + timedelta(seconds=15))
    house.publish(2, deadline=house.now + timedelta(seconds=20), targets=Targets(kind="list", pods=("pod-1",)))
    ended = house.events(house.pass_time(16))
    assert [one.pod for one in ended if isinstance(one, CopyFailed)] == ["pod-2"]
    ended = house.events(house.pass_time(5))
    assert [one.pod for one in ended if isinstance(one, CopyFailed)] == ["pod-1"]


def test_a_pod_that_cannot_take_the_format_is_skipped_with_its_reason() -> None:
    house = House("pod-1")
    house.pod("pod-2", announcement(formats=("vhd",)))
    planned = [one for one in house.publish() if isinstance(one, CopyPlanned)]
    assert [(one.pod, one.state, one.wanted) for one in planned] == [("pod-1", "PENDING", 2), ("pod-2", "SKIPPED", 2)]
    assert planned[1].reason == "format_unsupported: disk 0 is qcow2, the pod takes vhd"


def test_without_any_target_the_publish_is_refused_and_nothing_of_it_is_remembered() -> None:
    house = House()
    said = house.publish()
    assert kinds(said) == ["placement.refused"]
    assert isinstance(said[0], PlacementRefused)
    assert (said[0].failure.code, said[0].publication) == ("no_target", 1)
    assert house.get(PLACEMENT, VERSION) is None, "no tombstone: it may be sought, and said again"
    house.pod("pod-1", announcement())
    assert kinds(house.publish())[:2] == ["placement.planned", "copy.planned"]


def test_a_list_publishes_to_those_pods_only() -> None:
    house = House("pod-1", "pod-2", "pod-3")
    said = house.publish(targets=Targets(kind="list", pods=("pod-3", "pod-2")))
    assert [one.pod for one in said if isinstance(one, CopyPlanned)] == ["pod-2", "pod-3"]


def test_a_pod_remembers_its_unfinished_copies_and_forgets_the_finished() -> None:
    house = House("pod-1", "pod-2")
    house.publish()

    def waiting(pod: str) -> tuple[str, ...]:
        found = house.get(QUEUE, pod)
        return () if found is None else tuple(found.copies)

    assert waiting("pod-2") == (copy_id(VERSION, "pod-2", 0),)
    house.pod("pod-2", rejected("pod-2"))
    assert waiting("pod-2") == (copy_id(VERSION, "pod-2", 0),)
    house.pod("pod-2", finalised("pod-2"))
    house.pod("pod-1", rejected("pod-1", retry=False))
    assert waiting("pod-1") == waiting("pod-2") == ()


def test_a_report_reads_five_documents_however_many_pods_there_are() -> None:
    house = House(*(f"pod-{number}" for number in range(50)))
    house.publish()
    message = house.message(finalised("pod-7"), "pod:pod-7")
    batch = house._load(house.reactions[type(message.body)], message)
    assert len(batch.documents) == 5
    placement = house.get(PLACEMENT, VERSION)
    assert placement is not None
    assert len(msgspec.json.encode(placement)) < 4096
