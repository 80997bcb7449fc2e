"""The commands about pods, policies and webhooks: what is sent, what is shown, how they end."""

import json
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.responder import AT, IMAGE, Answer, Gateway, delivery, hook, image, page, pod, policy, problem


@pytest.fixture(autouse=True)
def answers(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/pods/pod-1", Answer(body=pod()))
    gateway.on("PUT", "/v1/pods/pod-1/labels", Answer(body=pod(labels_revision=3)))
    for verb, state in (("drain", "DRAINING"), ("readmit", "CONNECTED"), ("remove", "REMOVED")):
        gateway.on("POST", f"/v1/pods/pod-1/{verb}", Answer(body=pod(state=state)))
    gateway.on("POST", "/v1/pods/pod-1/inventory", Answer(204))
    enrolment = {"pod": "pod-9", "token": "abc.def", "labels": {"region": "eu"}, "expires": AT}
    gateway.on("POST", "/v1/pods", Answer(201, enrolment))
    gateway.on("GET", "/v1/policies", page(policy()))
    gateway.on("GET", "/v1/images/default%2Fgolden", Answer(body=image()))
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/suspend"), ("POST", "/resume")):
        gateway.on(method, f"/v1/policies/edge{path}", Answer(body=policy()))
    gateway.on("DELETE", "/v1/policies/edge", Answer(204))
    gateway.on("GET", "/v1/webhooks", page(hook(failing=AT)))
    gateway.on("POST", "/v1/webhooks", Answer(201, hook(secret="whsec_abc")))
    for method in ("GET", "PATCH"):
        gateway.on(method, "/v1/webhooks/h-1", Answer(body=hook()))
    gateway.on("DELETE", "/v1/webhooks/h-1", Answer(204))
    gateway.on("POST", "/v1/webhooks/h-1/test", Answer(body=delivery(state="PENDING")))
    gateway.on("POST", "/v1/webhooks/h-1/redeliver", Answer(204))
    gateway.on("GET", "/v1/webhooks/h-1/deliveries", page(delivery()))


ASKED: list[tuple[str, str, Any]] = [
    ("pod show pod-1", "GET /v1/pods/pod-1", None),
    (
        "pod enroll pod-9 --label region=eu --hours 2",
        "POST /v1/pods",
        {"pod": "pod-9", "labels": {"region": "eu"}, "hours": 2.0},
    ),
    ("pod label pod-1", "GET /v1/pods/pod-1", None),
    ("pod label pod-1 tier=gold rack-", "PUT /v1/pods/pod-1/labels", {"labels": {"tier": "gold"}}),
    ("pod drain pod-1", "POST /v1/pods/pod-1/drain", None),
    ("pod readmit pod-1", "POST /v1/pods/pod-1/readmit", None),
    ("pod remove pod-1", "POST /v1/pods/pod-1/remove", None),
    ("pod remove pod-1 --force", "POST /v1/pods/pod-1/remove", {"force": True}),
    ("pod inventory pod-1", "POST /v1/pods/pod-1/inventory", None),
    ("policy list", "GET /v1/policies", None),
    ("policy show edge", "GET /v1/policies/edge", None),
    (
        f"policy set edge --select site=north --hard --versions 2 --image default/golden --image {IMAGE} --if-match 0",
        "PUT /v1/policies/edge",
        {
            "images": [IMAGE, IMAGE], "selector": {"labels": {"site": ["north"]}, "match": "all"}, "kind": "HARD",
            "versions": 2, "replicas": 1, "suspended": False,
        },
    ),
    ("policy suspend edge", "POST /v1/policies/edge/suspend", None),
    ("policy resume edge", "POST /v1/policies/edge/resume", None),
    ("policy drop edge", "DELETE /v1/policies/edge", None),
    ("webhook list", "GET /v1/webhooks", None),
    ("webhook show h-1", "GET /v1/webhooks/h-1", None),
    (
        "webhook add http://hooks.test/x --event copy.* --event version.failed --pod pod-1 --description ci",
        "POST /v1/webhooks",
        {
            "url": "http://hooks.test/x", "events": ["copy.*", "version.failed"], "pods": ["pod-1"],
            "description": "ci",
        },
    ),
    ("webhook change h-1 --suspend --if-match 4", "PATCH /v1/webhooks/h-1", {"suspended": True}),
    ("webhook change h-1 --resume --url http://b.test/y", "PATCH /v1/webhooks/h-1",
     {"suspended": False, "url": "http://b.test/y"}),
    ("webhook remove h-1", "DELETE /v1/webhooks/h-1", None),
    ("webhook test h-1", "POST /v1/webhooks/h-1/test", None),
    ("webhook deliveries h-1 --state DEAD", "GET /v1/webhooks/h-1/deliveries", None),
    ("webhook redeliver h-1", "POST /v1/webhooks/h-1/redeliver", None),
    ("webhook redeliver h-1 d-1", "POST /v1/webhooks/h-1/redeliver", {"delivery": "d-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    result = imprint(*line.split())
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert gateway.paths()[-1] == asked
    assert gateway.asked[-1].body == body
    assert ("idempotency-key" in gateway.asked[-1].headers) == (not asked.startswith("GET"))
    json.loads(imprint(*line.split(), "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(409, "pod_state", hint="Do it so."))
    result = imprint(*line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Do it so." in result.stderr


def test_what_a_remote_connector_needs_is_printed_alone_on_stdout(imprint: Imprint) -> None:
    result = imprint("pod", "enroll", "pod-9")
    assert result.stdout == "IMPRINT_POD=pod-9\nIMPRINT_ENROLMENT=abc.def\n"
    assert "imprint admin keys" in result.stderr


def test_labels_are_changed_under_the_revision_that_was_read(gateway: Gateway, imprint: Imprint) -> None:
    imprint("pod", "label", "pod-1", "tier=gold")
    assert gateway.asked[-1].body == {"labels": {"rack": "r1", "tier": "gold"}}
    assert gateway.asked[-1].headers["if-match"] == '"2"'


def test_a_pod_is_shown_with_what_it_does(imprint: Imprint) -> None:
    shown = imprint("pod", "show", "pod-1").stdout
    assert "1 under way, 3 waiting, lately 1.0 MiB/s" in shown
    assert "2 items that nobody asked for" in shown
    assert "rack=r1, region=eu" in shown


def test_revisions_go_as_if_match(gateway: Gateway, imprint: Imprint) -> None:
    imprint("policy", "set", "edge", "--select", "a=b", "--if-match", "0")
    assert gateway.asked[-1].headers["if-match"] == '"0"'
    imprint("webhook", "change", "h-1", "--suspend", "--if-match", "4")
    assert gateway.asked[-1].headers["if-match"] == '"4"'


def test_the_secret_of_a_webhook_is_printed_when_it_is_made(imprint: Imprint) -> None:
    assert "whsec_abc" in imprint("webhook", "add", "http://hooks.test/x").stdout
    assert "secret" not in imprint("webhook", "show", "h-1").stdout.lower()


@pytest.mark.parametrize(
    "line",
    [
        "pod enroll POD",
        "pod enroll pod-9 --label region",
        "pod label pod-1 region",
        "pod label pod-1 -",
        "policy set edge",
        "policy set edge --select Region=eu",
        "policy set edge --select a=b --versions 0",
        "webhook add",
        "webhook change h-1",
        "webhook deliveries h-1 --state LOST",
    ],
)
def test_a_wrong_command_line_changes_nothing(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint(*line.split()).exit_code == 2
    assert gateway.asked == []
