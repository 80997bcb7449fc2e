"""The commands about publishes, placements and copies: what is sent, what is shown, how they end."""

import json
from datetime import datetime
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.responder import AT, IMAGE, JOB, Answer, Gateway, accepted, copy, job, page, placement, problem, version

VERSIONS = "/v1/images/default%2Fgolden/versions"
ONE = f"{VERSIONS}/1.0.0"
NAME = "default/golden:1.0.0"
FAILURE = {"code": "no_space", "step": "transfer", "text": "Full.", "hint": "Make room.", "retry": True}
PLAN = [
    {"pod": "pod-1", "replica": 0, "action": "keep", "reason": "", "sources": [], "estimate": None},
    {"pod": "pod-2", "replica": 1, "action": "copy", "reason": "", "sources": ["pod-1"], "estimate": 4000.0},
]


@pytest.fixture(autouse=True)
def answers(gateway: Gateway) -> None:
    for verb in ("publish", "republish", "unpublish", "cancel"):
        gateway.on("POST", f"{ONE}/{verb}", accepted())
    gateway.on("POST", f"{ONE}/plan", Answer(body={"items": PLAN, "estimate": 90.0, "warning": "Late.", "next": None}))
    gateway.on("GET", f"{ONE}/placement", Answer(body=placement()))
    gateway.on("PATCH", f"{ONE}/placement", Answer(body=placement(revision=8)))
    for verb in ("pause", "resume"):
        gateway.on("POST", f"{ONE}/placement/{verb}", Answer(body=placement(state="PAUSED")))
    going = copy(pod="pod-2", state="RETRY_PENDING", failure=FAILURE, next_attempt=AT, replica=1, bytes_done=1024)
    gateway.on("GET", f"{ONE}/copies", page(copy(), going, copy(pod="pod-3", state="PENDING", reason="slot")))
    gateway.on("POST", f"{ONE}/copies/pod-2/repair", Answer(body=copy(pod="pod-2", state="REPLICATING")))
    gateway.on("DELETE", f"{ONE}/copies/pod-2", Answer(body=copy(pod="pod-2", state="DELETING")))


PUBLISHES: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("--to pod-1 --to pod-2,pod-3", {"targets": {"kind": "list", "pods": ["pod-1", "pod-2", "pod-3"]}}),
    (
        "--select region=eu --select region=us --select rack=r1 --match any",
        {"targets": {"kind": "selector", "selector": {
            "labels": {"region": ["eu", "us"], "rack": ["r1"]}, "match": "any"}}},
    ),
    (
        "--replicas 2 --replicas-on pod-3=3 --exclude-on pod-3 --exclude-on pod-4",
        {"replicas": 2, "overrides": {
            "pod-3": {"replicas": 3, "exclude_from_latest": True}, "pod-4": {"exclude_from_latest": True}}},
    ),
    ("--shallow --exclude-from-latest", {"mode": "shallow", "exclude_from_latest": True}),
    ("--all-or-nothing --priority urgent", {"all_or_nothing": True, "priority": "urgent"}),
    ("--not-before 2026-01-31T22:00+00:00 --deadline 90 --refuse-if-late",
     {"not_before": "2026-01-31T22:00:00+00:00", "deadline": 90.0, "on_deadline": "refuse"}),
    ("--hypervisor kvm --family vsphere --disk-type ssd",
     {"requires": {"hypervisors": ["kvm"], "families": ["vsphere"], "disk_types": ["ssd"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "body"), PUBLISHES, ids=[options or "nothing" for options, _ in PUBLISHES])
@pytest.mark.parametrize("verb", ["publish", "republish"])
def test_a_publish_says_what_was_given_and_nothing_else(
    gateway: Gateway, imprint: Imprint, verb: str, options: str, body: Any
) -> None:
    result = imprint("image", verb, NAME, *options.split())
    assert (result.exit_code, JOB in result.stdout) == (0, True), result.output
    assert gateway.paths() == [f"POST {ONE}/{verb}"]
    sent = dict(gateway.asked[-1].body)
    for times in (sent, body := dict(body)):  # the same moment, in whatever zone this machine is
        if "not_before" in times:
            times["not_before"] = datetime.fromisoformat(times["not_before"])
    assert sent == body


def test_a_republish_reaches_more_pods_beside_those_of_the_last_time(gateway: Gateway, imprint: Imprint) -> None:
    imprint("image", "republish", NAME, "--more", "pod-8,pod-9")
    assert gateway.asked[-1].body == {"more": ["pod-8", "pod-9"]}


def test_a_plan_shows_what_each_pod_would_do_and_publishes_nothing(gateway: Gateway, imprint: Imprint) -> None:
    result = imprint("image", "publish", NAME, "--to", "pod-2", "--plan")
    assert result.exit_code == 0, result.output
    assert gateway.paths() == [f"POST {ONE}/plan"]
    assert gateway.asked[-1].body == {"targets": {"kind": "list", "pods": ["pod-2"]}}
    shown = [line.split() for line in result.stdout.splitlines()]
    assert ["pod-1", "keep"] in shown
    assert ["pod-2/1", "copy", "pod-1", "67", "min"] in shown
    assert "All of it would take 90 s." in result.stdout
    assert "Late." in result.stderr
    assert json.loads(imprint("image", "publish", NAME, "--plan", "-o", "json").stdout)["items"] == PLAN


def test_the_plan_of_a_republish_is_made_of_what_was_wanted_the_last_time(gateway: Gateway, imprint: Imprint) -> None:
    assert imprint("image", "republish", NAME, "--more", "pod-3", "--plan").exit_code == 0
    assert gateway.paths() == [f"GET {ONE}/placement", f"POST {ONE}/plan"]
    sent = gateway.asked[-1].body
    assert sent["targets"] == {"kind": "list", "pods": ["pod-1", "pod-2", "pod-3"]}
    assert (sent["replicas"], sent["overrides"]) == (1, {"pod-2": {"replicas": 2, "exclude_from_latest": None}})
    imprint("image", "republish", NAME, "--priority", "low", "--plan")
    sent = gateway.asked[-1].body
    assert (sent["targets"]["kind"], sent["priority"], "overrides" in sent) == ("all", "low", False)


def test_a_plan_is_read_to_its_last_page(gateway: Gateway, imprint: Imprint) -> None:
    first = Answer(body={"items": PLAN[:1], "estimate": 90.0, "warning": "", "next": "two"})
    gateway.on("POST", f"{ONE}/plan", first, Answer(body={"items": PLAN[1:], "estimate": 90.0, "next": None}))
    found = json.loads(imprint("image", "publish", NAME, "--plan", "-o", "json").stdout)
    assert (found["items"], gateway.asked[-1].query) == (PLAN, {"cursor": "two"})


@pytest.mark.parametrize("verb", ["unpublish", "cancel"])
def test_what_was_published_is_taken_back_as_a_job(gateway: Gateway, imprint: Imprint, verb: str) -> None:
    result = imprint("image", verb, NAME)
    assert (result.exit_code, JOB in result.stdout) == (0, True)
    assert gateway.paths() == [f"POST {ONE}/{verb}"]


@pytest.mark.parametrize(
    ("verb", "kind", "state", "code"),
    [
        ("publish", "publish", "CANCELLED", 1),
        ("republish", "publish", "PARTIAL", 4),
        ("unpublish", "unpublish", "SUCCESS", 0),
        ("unpublish", "unpublish", "FAILURE", 1),
        ("cancel", "publish", "CANCELLED", 0),
        ("cancel", "publish", "PARTIAL", 0),
        ("cancel", "publish", "FAILURE", 1),
    ],
)
def test_with_wait_the_end_that_was_asked_for_is_the_good_one(
    gateway: Gateway, imprint: Imprint, verb: str, kind: str, state: str, code: int
) -> None:
    gateway.on("GET", f"/v1/images/{IMAGE}/versions/1.0.0/copies", page(copy()))
    running = Answer(body=job(kind=kind, state="PROCESSING"))
    gateway.on("GET", f"/v1/jobs/{JOB}", running, Answer(body=job(kind=kind, state=state)))
    result = imprint("image", verb, NAME, "--wait")
    assert result.exit_code == code, result.output
    assert state in result.stdout


def test_a_job_is_cancelled_and_followed_to_its_end(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", f"/v1/jobs/{JOB}/cancel", Answer(202, job(state="PROCESSING")))
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(state="CANCELLED")))
    assert imprint("job", "cancel", JOB).exit_code == 0
    result = imprint("job", "cancel", JOB, "--wait")
    assert (result.exit_code, "CANCELLED" in result.stdout) == (0, True)
    gateway.on("POST", f"/v1/jobs/{JOB}/cancel", problem(409, "not_cancellable"))
    assert imprint("job", "cancel", JOB).exit_code == 3


def test_a_job_tells_when_it_should_be_done_and_that_it_will_be_late(gateway: Gateway, imprint: Imprint) -> None:
    late = {**FAILURE, "code": "deadline_at_risk", "text": "It will be late.", "hint": "Take fewer pods."}
    view = job(kind="publish", state="PROCESSING", estimate=AT, warning=late)
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=view))
    gateway.on("GET", f"/v1/jobs/{JOB}/events", page())
    result = imprint("job", "show", JOB)
    assert "PROCESSING, expected 2026-01-0" in result.stdout
    assert result.stderr == "Warning: It will be late. (deadline_at_risk) Take fewer pods.\n"


def _result(image: str, status: int = 202) -> dict[str, Any]:
    refused = {"title": "No", "status": status, "code": "version_not_ready", "detail": "Not yet.", "hint": "Wait."}
    good = {"job": JOB, "image": IMAGE, "version": version()["id"], "number": "1.0.0"}
    return {
        "image": image, "version": "1.0.0", "status": status, "accepted": good if status == 202 else None,
        "problem": None if status == 202 else refused,
    }  # fmt: skip


@pytest.mark.parametrize(("statuses", "code"), [((202, 202), 0), ((202, 409), 4), ((409, 409), 3)])
def test_of_many_publishes_each_has_its_result_and_the_exit_code_tells_of_all(
    gateway: Gateway, imprint: Imprint, statuses: tuple[int, int], code: int
) -> None:
    names = ("default/a", "default/b")
    results = [_result(name, status) for name, status in zip(names, statuses, strict=True)]
    gateway.on("POST", "/v1/publishes", Answer(body={"items": results}))
    words = ("image", "publish-many", "default/a:1.0.0", "default/b", "--to", "pod-2", "--priority", "low")
    result = imprint(*words)
    assert result.exit_code == code, result.output
    terms = {"again": False, "targets": {"kind": "list", "pods": ["pod-2"]}, "priority": "low"}
    assert gateway.asked[-1].body == {
        "items": [
            {"image": "default/a", "version": "1.0.0", **terms}, {"image": "default/b", "version": "latest", **terms}
        ]
    }  # fmt: skip
    assert result.stdout.count("version_not_ready") == statuses.count(409)
    assert ("hint: Wait." in result.stderr) == (409 in statuses)
    assert [one["status"] for one in json.loads(imprint("-o", "json", *words).stdout)] == list(statuses)


def test_a_placement_is_shown(gateway: Gateway, imprint: Imprint) -> None:
    result = imprint("image", "placement", NAME)
    assert gateway.paths() == [f"GET {ONE}/placement"]
    assert "RUNNING: 1 of 3 copies AVAILABLE  (revision 7)" in result.stdout
    assert "pod-1, pod-2" in result.stdout
    assert "1, pod-2=2" in result.stdout
    assert json.loads(imprint("image", "placement", NAME, "-o", "json").stdout)["revision"] == 7


def test_a_placement_is_edited_under_the_revision_that_was_named(gateway: Gateway, imprint: Imprint) -> None:
    words = "--add pod-3,pod-4 --remove pod-2 --replicas 2 --replicas-on pod-1=3 --replicas-on pod-2=none"
    result = imprint("image", "placement", NAME, *words.split(), "--priority", "high", "--if-match", "7")
    assert (result.exit_code, "revision 8" in result.stdout) == (0, True), result.output
    assert (gateway.asked[-1].method, gateway.asked[-1].headers["if-match"]) == ("PATCH", '"7"')
    assert gateway.asked[-1].body == {
        "add": ["pod-3", "pod-4"], "remove": ["pod-2"], "replicas": 2, "priority": "high",
        "overrides": {"pod-1": {"replicas": 3}, "pod-2": None},
    }  # fmt: skip
    gateway.on("PATCH", f"{ONE}/placement", problem(412, "revision_mismatch"))
    assert imprint("image", "placement", NAME, "--add", "pod-3", "--if-match", "6").exit_code == 3


def test_f6_a_placement_whose_data_is_denied_says_so(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", f"{ONE}/placement", Answer(body=placement(state="PAUSED", denied=True)))
    assert "PAUSED (the version's data is denied): 1 of 3" in imprint("image", "placement", NAME).stdout


def test_a_placement_is_paused_and_resumed(gateway: Gateway, imprint: Imprint) -> None:
    for verb in ("pause", "resume"):
        assert "PAUSED" in imprint("image", verb, NAME).stdout
        assert gateway.asked[-1].path == f"{ONE}/placement/{verb}"


def test_copies_are_shown_with_what_they_wait_for_and_what_to_do(imprint: Imprint) -> None:
    result = imprint("image", "copies", NAME)
    assert result.exit_code == 0, result.output
    assert "pod-2/1" in result.stdout
    assert "no_space: Full.; again " in result.stdout
    assert "1.0 KiB of 4.0 KiB" in result.stdout
    assert "waits for a slot" in result.stdout
    assert result.stderr == "hint: Make room.\n"
    assert len(json.loads(imprint("image", "copies", NAME, "-o", "json").stdout)) == 3


def test_what_a_pod_says_is_shown_and_not_obeyed_by_the_terminal(gateway: Gateway, imprint: Imprint) -> None:
    evil = FAILURE | {"text": "Full.\x1b]0;owned\x07\x1b[2J", "hint": "\x1b[31mMake\u202e room."}
    gateway.on("GET", f"{ONE}/copies", page(copy(state="FAILED", failure=evil)))
    result = imprint("image", "copies", NAME)
    assert "Full.\\x1b]0;owned\\x07\\x1b[2J" in result.stdout
    assert result.stderr == "hint: \\x1b[31mMake\\u202e room.\n"
    gateway.on("POST", f"{ONE}/placement/pause", Answer(409, {"code": "x", "title": "t", "detail": "\x1b[2J"}))
    assert "\x1b" not in imprint("image", "pause", NAME).stderr


@pytest.mark.parametrize("state", ["ABSENT", "SKIPPED"])
def test_of_a_copy_that_is_not_there_nothing_is_shown_that_was_there_before(
    state: str, gateway: Gateway, imprint: Imprint
) -> None:
    gone = copy(state=state, bytes_done=0, bytes_network=4096, bytes_reused=4096, source="pod-9")
    gateway.on("GET", f"{ONE}/copies", page(gone))
    shown = imprint("image", "copies", NAME).stdout
    assert state in shown
    assert "KiB" not in shown
    assert gone["datastore"] not in shown.replace("DATASTORE", "")


def test_one_copy_is_repaired_or_removed(gateway: Gateway, imprint: Imprint) -> None:
    assert imprint("image", "repair", NAME, "pod-2").stdout == "copy on pod-2: REPLICATING\n"
    assert gateway.asked[-1].query == {"replica": "0"}
    assert imprint("image", "remove-copy", NAME, "pod-2/1").stdout == "copy on pod-2: DELETING\n"
    assert (gateway.asked[-1].method, gateway.asked[-1].query) == ("DELETE", {"replica": "1"})
    gateway.on("DELETE", f"{ONE}/copies/pod-2", problem(409, "last_holder"))
    assert imprint("image", "remove-copy", NAME, "pod-2").exit_code == 3


@pytest.mark.parametrize(
    "words",
    [
        ("publish", NAME, "--to", "pod-1", "--select", "region=eu"),
        ("publish", NAME, "--match", "any"),
        ("publish", NAME, "--select", "region"),
        ("publish", NAME, "--replicas", "0"),
        ("publish", NAME, "--replicas-on", "pod-1"),
        ("publish", NAME, "--not-before", "tomorrow"),
        ("republish", NAME, "--more", " , "),
        ("publish-many",),
        ("unpublish", "default/golden"),
        ("cancel", "default/golden"),
        ("placement", "default/golden"),
        ("placement", NAME, "--if-match", "3"),
        ("placement", NAME, "--add", ","),
        ("repair", NAME, "pod-1/x"),
        ("remove-copy", NAME),
    ],
)
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, words: tuple[str, ...]) -> None:
    assert imprint("image", *words).exit_code == 2
    assert gateway.asked == []
