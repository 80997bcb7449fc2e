"""The commands about the audit log: what they show, and that what was tampered with is found."""

import json
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.holdings import log
from cli.responder import IMAGE, Answer, Gateway, page

LOG = log(
    (None, {"state": "REGISTERED"}), ({"description": "a", "n": 1}, {"description": "b", "n": 1}), (1, 2), ([], [])
)
HEAD = {"sequence": 4, "head": LOG[-1]["hash"]}


def in_pages(gateway: Gateway, entries: list[dict[str, Any]], **head: Any) -> None:
    """The log, two entries a page."""
    pages = [entries[start : start + 2] for start in range(0, len(entries), 2)] or [[]]
    answers = [
        page(*part, next=str(number) if number < len(pages) else None, **(HEAD | head))
        for number, part in enumerate(pages, start=1)
    ]
    gateway.on("GET", "/v1/audit", *answers)


def test_the_log_is_shown_with_what_changed(gateway: Gateway, imprint: Imprint) -> None:
    in_pages(gateway, LOG)
    result = imprint("audit", "list", "--about", IMAGE, "--actor", "admin")
    assert result.exit_code == 0, result.output
    assert "description: a → b" in result.stdout
    assert "n: 1" not in result.stdout
    assert "made" in result.stdout
    assert gateway.asked[-1].query == {"about": IMAGE, "actor": "admin", "limit": "500", "cursor": "1"}
    in_pages(gateway, LOG)
    found = json.loads(imprint("audit", "list", "--last", "1", "-o", "json").stdout)
    assert [entry["sequence"] for entry in found] == [4]


def test_the_newest_entries_are_read_first_and_no_more_than_asked_for(gateway: Gateway, imprint: Imprint) -> None:
    in_pages(gateway, LOG[::-1])
    words = ("--sort", "-sequence", "--last", "2", "--where", "action=edit_image", "--where", "at_after=2026-01-01")
    found = json.loads(imprint("audit", "list", *words, "-o", "json").stdout)
    assert [entry["sequence"] for entry in found] == [4, 3]
    assert gateway.paths() == ["GET /v1/audit"]
    assert gateway.asked[-1].query == {
        "sort": "-sequence", "action": "edit_image", "at_after": "2026-01-01", "limit": "500",
    }  # fmt: skip


def test_a_log_that_is_as_it_was_written_is_verified_to_its_head(gateway: Gateway, imprint: Imprint) -> None:
    in_pages(gateway, LOG)
    result = imprint("admin", "audit", "verify")
    assert (result.exit_code, result.stdout) == (
        0, f"4 entries, all as they were written\n4:{LOG[-1]['hash']}\n",
    ), result.output  # fmt: skip
    assert gateway.paths() == ["GET /v1/audit"] * 2
    in_pages(gateway, LOG)
    found = json.loads(imprint("admin", "audit", "verify", "-o", "json").stdout)
    assert found == {"intact": True, "sequence": 4, "hash": LOG[-1]["hash"]}


def test_an_empty_log_is_intact(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", "/v1/audit", page(sequence=0, head=""))
    assert imprint("admin", "audit", "verify").exit_code == 0


FORGED = log((None, 1), (1, 2), (2, 3), (3, 4), (4, 5))
TAMPERED: list[tuple[str, list[dict[str, Any]], dict[str, Any], int]] = [
    ("changed", [LOG[0], {**LOG[1], "after": {"description": "c"}}, *LOG[2:]], {}, 2),
    ("with another actor", [*LOG[:3], {**LOG[3], "actor": "eve"}], {}, 4),
    ("with a gap", [LOG[0], *LOG[2:]], {}, 3),
    ("without its beginning", LOG[1:], {}, 2),
    ("twice", [LOG[0], LOG[0], *LOG[1:]], {}, 1),
    ("cut off", LOG[:3], {}, 4),
    ("cut off at a page", LOG[:2], {}, 3),
    ("all gone", [], {}, 1),
    ("written anew", FORGED[:4], {}, 4),
    ("with more than its head", FORGED, {"head": FORGED[3]["hash"]}, 5),
    ("spliced", [*LOG[:2], *FORGED[2:4]], {}, 3),
]


@pytest.mark.parametrize(("_", "entries", "head", "where"), TAMPERED, ids=[name for name, _, _, _ in TAMPERED])
def test_a_log_that_was_tampered_with_is_found_out_and_says_where(
    gateway: Gateway, imprint: Imprint, _: str, entries: list[dict[str, Any]], head: dict[str, Any], where: int
) -> None:
    in_pages(gateway, entries, **head)
    result = imprint("admin", "audit", "verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"The audit log breaks at entry {where} (audit_broken)" in result.stderr
    in_pages(gateway, entries, **head)
    found = imprint("admin", "audit", "verify", "-o", "json")
    assert (found.exit_code, json.loads(found.stdout)["sequence"]) == (1, where)


def test_a_log_that_was_written_anew_with_its_head_is_found_out_by_an_entry_kept_elsewhere(
    gateway: Gateway, imprint: Imprint
) -> None:
    known = f"3:{LOG[2]['hash']}"
    in_pages(gateway, FORGED[:4], head=FORGED[3]["hash"])
    assert imprint("admin", "audit", "verify").exit_code == 0
    in_pages(gateway, FORGED[:4], head=FORGED[3]["hash"])
    result = imprint("admin", "audit", "verify", "--known", known)
    assert (result.exit_code, "breaks at entry 3" in result.stderr) == (1, True)
    in_pages(gateway, LOG[:2], sequence=2, head=LOG[1]["hash"])
    assert imprint("admin", "audit", "verify", "--known", known).exit_code == 1
    in_pages(gateway, LOG)
    assert imprint("admin", "audit", "verify", "--known", known).exit_code == 0


def test_entries_that_are_written_while_it_is_read_are_no_fault(gateway: Gateway, imprint: Imprint) -> None:
    first = page(*LOG[:2], next="2", sequence=2, head=LOG[1]["hash"])
    gateway.on("GET", "/v1/audit", first, page(*LOG[2:], **HEAD))
    assert imprint("admin", "audit", "verify").exit_code == 0


def test_what_is_no_known_entry_asks_nobody(gateway: Gateway, imprint: Imprint) -> None:
    assert imprint("admin", "audit", "verify", "--known", "3:abc").exit_code == 2
    assert gateway.asked == []


def test_a_server_that_refuses_ends_with_its_exit_code(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", "/v1/audit", Answer(403, {"title": "No", "status": 403, "code": "forbidden"}))
    assert imprint("admin", "audit", "verify").exit_code == 3
    assert imprint("audit", "list").exit_code == 3
