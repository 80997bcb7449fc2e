"""The commands about markers: what is sent, what is shown, how they end."""

import json
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.holdings import marker, rollout
from cli.responder import Answer, Gateway, page, problem

MARKERS = "/v1/images/default%2Fgolden/markers"
ONE = f"{MARKERS}/prod"


@pytest.fixture(autouse=True)
def answers(gateway: Gateway) -> None:
    gateway.on("GET", MARKERS, page(marker(), marker(name="canary", frozen=True)))
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/rollback"), ("POST", "/rollout")):
        gateway.on(method, ONE + path, Answer(body=marker(rollout=rollout())))
    gateway.on("DELETE", ONE, Answer(204))


RINGS = [{"pods": ["pod-1", "pod-2"]}, {"labels": {"region": ["eu", "us"], "tier": ["gold"]}}]
AT_ONCE: dict[str, Any] = {"number": "1.0.0", "rings": [], "failures": 0, "logoff": "wait"}
ASKED: list[tuple[str, str, Any]] = [
    ("set default/golden:1.0.0 prod --if-match 3", f"PUT {ONE}", AT_ONCE),
    (
        "set default/golden:1.0.0 prod --ring pod-1,pod-2 --ring region=eu|us,tier=gold --failures 2 --logoff force",
        f"PUT {ONE}",
        {"number": "1.0.0", "rings": RINGS, "failures": 2, "logoff": "force"},
    ),
    ("show default/golden prod", f"GET {ONE}", None),
    ("list default/golden", f"GET {MARKERS}", None),
    ("rollback default/golden prod --if-match 3", f"POST {ONE}/rollback", None),
    ("halt default/golden prod", f"POST {ONE}/rollout", {"verb": "halt"}),
    ("resume default/golden prod", f"POST {ONE}/rollout", {"verb": "resume"}),
    ("cancel default/golden prod", f"POST {ONE}/rollout", {"verb": "cancel"}),
    ("delete default/golden prod --if-match 3", f"DELETE {ONE}", None),
]


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    result = imprint("marker", *line.split())
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert (gateway.paths(), gateway.asked[-1].body) == ([asked], body)
    assert gateway.asked[-1].headers.get("if-match") == ('"3"' if "--if-match" in line else None)
    json.loads(imprint("marker", *line.split(), "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(412, "revision_mismatch", hint="Read it again."))
    result = imprint("marker", *line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Read it again." in result.stderr


def test_a_marker_is_shown_with_its_staged_move_and_what_it_named_before(gateway: Gateway, imprint: Imprint) -> None:
    failure = {"code": "no_space", "step": "pool", "text": "Full.", "hint": "Make room.", "retry": True}
    gateway.on("GET", ONE, Answer(body=marker(rollout=rollout(state="HALTED", failure=failure))))
    result = imprint("marker", "show", "default/golden", "prod")
    assert "prod names 1.0.0  HALTED, ring 1 of 2, 1 failed  (revision 3)" in result.stdout
    assert "admin" in result.stdout
    assert result.stderr == "Full. (no_space) Make room.\n"
    assert "frozen" in imprint("marker", "list", "default/golden").stdout


def test_markers_are_narrowed_and_sorted_by_any_field(gateway: Gateway, imprint: Imprint) -> None:
    words = ("--where", "frozen=true", "--where", "min_assignments=1", "--sort", "-number")
    assert "canary" in imprint("marker", "list", "default/golden", *words).stdout
    assert gateway.asked[-1].query == {"frozen": "true", "min_assignments": "1", "sort": "-number"}


def test_markers_are_read_to_the_last_page(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", MARKERS, page(marker(name="a"), next="c-1"), page(marker(name="b")))
    assert [one["name"] for one in json.loads(imprint("marker", "list", "default/golden", "-o", "json").stdout)] == [
        "a", "b"
    ]  # fmt: skip
    assert gateway.asked[-1].query == {"cursor": "c-1"}


@pytest.mark.parametrize(
    "line",
    [
        "set default/golden prod",
        "set default/golden:1.0.0",
        "set default/golden:1.0.0 prod --ring ,",
        "set default/golden:1.0.0 prod --ring region=",
        "set default/golden:1.0.0 prod --failures 1",
        "rollback default/golden",
    ],
)
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint("marker", *line.split()).exit_code == 2
    assert gateway.asked == []
