"""The commands about assignments: what is sent, what is shown, how they end."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.holdings import ASSIGNMENT, assignment, pool, seat
from cli.responder import Answer, Gateway, page, problem
from imprint import settling

ALL = "/v1/assignments"
ONE = f"{ALL}/desks"
FAILURE = {"code": "no_space", "step": "pool", "text": "Full.", "hint": "Make room.", "retry": True}
GIVEN = """
seats: 3
customisation: {host_name: "lab-{n}", accounts: [{name: ada, secret: ada-password}]}
shape: {vcpus: 2}
disks: [{lun: 1, size_gib: 20}]
"""


@pytest.fixture(autouse=True)
def answers(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "REFRESH", 0.01)
    gateway.on("GET", ALL, page(assignment()))
    gateway.on("POST", ALL, Answer(201, assignment()))
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/disks"), ("POST", "/rebuild"), ("POST", "/switch")):
        gateway.on(method, ONE + path, Answer(body=assignment()))
    gateway.on("POST", f"{ONE}/duplicate", Answer(201, assignment(name="more")))
    gateway.on("DELETE", ONE, Answer(202, assignment(state="DELETING")))
    gateway.on("GET", f"{ONE}/seats", page(seat()))
    (tmp_path / "desks.yaml").write_text(GIVEN)


PLAN = {"publisher": "acme", "product": "cad", "name": "gold"}
MADE: dict[str, Any] = {"name": "desks", "image": "default/golden", "pods": ["pod-1", "pod-2"]}
HOSTS = {"host_name": "x-{n}", "accounts": [{"name": "ada", "secret": "ada-password"}]}
ASKED: list[tuple[str, str, Any]] = [
    (
        "create desks default/golden --marker prod --pod pod-1,pod-2 --seats 0",
        f"POST {ALL}",
        {**MADE, "marker": "prod", "seats": 0},
    ),
    (
        "create desks default/golden:1.0.0 --pod pod-1 --pod pod-2 --from desks.yaml --host-name x-{n} --memory 4096"
        " --accept-eula --plan acme/cad/gold",
        f"POST {ALL}",
        {
            **MADE, "number": "1.0.0", "seats": 3, "customisation": HOSTS, "accept_eula": True, "plan": PLAN,
            "shape": {"vcpus": 2, "memory_mib": 4096}, "disks": [{"lun": 1, "size_gib": 20}],
        },
    ),
    (
        "create desks default/golden:1.0.0 --pod pod-1,pod-2 --endpoint e-1=t-1 --endpoint e-2=t-2 --disk 1=20",
        f"POST {ALL}",
        {
            **MADE, "number": "1.0.0", "disks": [{"lun": 1, "size_gib": 20}],
            "endpoints": [{"name": "e-1", "model": "t-1"}, {"name": "e-2", "model": "t-2"}],
        },
    ),
    ("list --pod pod-1 --state IN_SYNC", f"GET {ALL}", None),
    ("show desks", f"GET {ONE}", None),
    ("seats desks --state READY", f"GET {ONE}/seats", None),
    (
        "edit desks --set seats=4 --set shape.vcpus=2 --if-match 5",
        f"PATCH {ONE}",
        {"seats": 4, "shape": {"vcpus": 2}},
    ),
    ("add-disk desks --lun 2 --size 10 --if-match 5", f"POST {ONE}/disks", {"lun": 2, "size_gib": 10}),
    ("rebuild desks --pod pod-1", f"POST {ONE}/rebuild", {"pods": ["pod-1"]}),
    (
        "switch desks default/next --marker prod --accept-eula --if-match 5",
        f"POST {ONE}/switch",
        {"image": "default/next", "marker": "prod", "accept_eula": True},
    ),
    ("duplicate desks more", f"POST {ONE}/duplicate", {"name": "more", "pods": []}),
    ("delete desks --force --if-match 5", f"DELETE {ONE}", None),
]  # fmt: skip


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    result = imprint("assignment", *line.split())
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert (gateway.paths(), gateway.asked[-1].body) == ([asked], body)
    assert gateway.asked[-1].headers.get("if-match") == ('"5"' if "--if-match" in line else None)
    json.loads(imprint("assignment", *line.split(), "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(409, "copy_unavailable", hint="Publish it there."))
    result = imprint("assignment", *line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Publish it there." in result.stderr


ENDS = [
    ([pool()], 0),
    ([pool(), pool(pod="pod-2", state="ROLLED_BACK", failure=FAILURE)], 4),
    ([pool(state="UPDATE_FAILED", failure=FAILURE)], 1),
    ([pool(state="ROLLED_BACK")], 1),
]


@pytest.mark.parametrize(("pools", "code"), ENDS)
def test_with_wait_the_pools_decide_once_nothing_is_on_its_way(
    gateway: Gateway, imprint: Imprint, pools: list[dict[str, Any]], code: int
) -> None:
    going = [{**one, "state": "UPDATING", "ready": 0, "failure": None} for one in pools]
    gateway.on("PATCH", ONE, Answer(body=assignment(*going, state="UPDATING")))
    end = Answer(body=assignment(*pools, state=pools[-1]["state"]))
    gateway.on("GET", f"{ALL}/{ASSIGNMENT}", Answer(body=assignment(*going, state="UPDATING")), end)
    words = ("assignment", "edit", "desks", "--set", "seats=4", "--wait")
    result = imprint(*words)
    assert result.exit_code == code, result.output
    assert "pod-1: UPDATING, 0 of 2 seats ready" in result.stderr
    assert f"pod-1: {pools[0]['state']}, 2 of 2 seats ready" in result.stderr
    assert ("no_space" in result.stderr) == any(one["failure"] for one in pools)
    gateway.on("PATCH", ONE, Answer(body=assignment(*pools)))
    found = imprint(*words, "-o", "json")
    assert (found.exit_code, json.loads(found.stdout)["name"]) == (code, "desks")


def test_pools_that_are_not_settled_in_time_are_no_success(gateway: Gateway, imprint: Imprint) -> None:
    going = Answer(body=assignment(pool(state="UPDATE_PENDING")))
    gateway.on("POST", f"{ONE}/rebuild", going)
    gateway.on("GET", f"{ALL}/{ASSIGNMENT}", going)
    result = imprint("assignment", "rebuild", "desks", "--wait", "--timeout", "0.2")
    assert result.exit_code == 5
    assert "imprint assignment show desks" in result.stderr


def test_a_deleted_assignment_is_waited_for_until_there_is_none(gateway: Gateway, imprint: Imprint) -> None:
    there = Answer(body=assignment(state="DELETING"))
    gateway.on("GET", f"{ALL}/{ASSIGNMENT}", there, problem(404, "assignment_not_found"))
    result = imprint("assignment", "delete", "desks", "--wait")
    assert (result.exit_code, result.stdout) == (0, "assignment desks is gone\n"), result.output


def test_an_assignment_is_shown_pod_by_pod_with_its_warnings(gateway: Gateway, imprint: Imprint) -> None:
    late = pool(pod="pod-2", state="UPDATE_FAILED", wanted_number="1.1.0", failure=FAILURE)
    gateway.on("GET", ONE, Answer(body=assignment(pool(), late, warnings=["It is deprecated."])))
    result = imprint("assignment", "show", "desks")
    assert "default/golden:1.0.0 (follows prod)" in result.stdout
    assert "no_space: Full." in result.stdout
    assert result.stderr == "Warning: It is deprecated.\n"
    assert "ada" in imprint("assignment", "seats", "desks").stdout


def test_lists_are_narrowed_and_sorted_by_any_field(gateway: Gateway, imprint: Imprint) -> None:
    imprint("assignment", "list", "--image", "default/golden", "--where", "min_seats=2", "--sort", "-updated")
    assert gateway.asked[-1].query == {"image": "default/golden", "min_seats": "2", "sort": "-updated"}
    imprint("assignment", "list", "--where", "state=IN_SYNC", "--where", "marker=prod")
    assert gateway.asked[-1].query == {"state": "IN_SYNC", "marker": "prod"}
    imprint("assignment", "seats", "desks", "--pod", "pod-1", "--where", "user=ada", "--sort", "last_used")
    assert gateway.asked[-1].query == {"pod": "pod-1", "user": "ada", "sort": "last_used"}
    assert imprint("assignment", "list", "--where", "marker").exit_code == 2


@pytest.mark.parametrize(
    "line",
    [
        "create desks default/golden --pod pod-1",
        "create desks default/golden:1.0.0 --marker prod --pod pod-1",
        "create desks default/golden:1.0.0",
        "create desks default/golden:1.0.0 --pod pod-1 --endpoint e-1",
        "create desks default/golden:1.0.0 --pod pod-1 --plan acme",
        "create desks default/golden:1.0.0 --pod pod-1 --disk 1",
        "edit desks",
        "add-disk desks --lun 0 --size 1",
        "switch desks default/next",
        "duplicate desks",
    ],
)
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint("assignment", *line.split()).exit_code == 2
    assert gateway.asked == []
