"""The commands about galleries and the rules of what they hold: what is sent, what is shown, how they end."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.holdings import flavour, gallery, namespace, quota, retention, victim
from cli.responder import IMAGE, Answer, Gateway, image, page, problem

NAMESPACE = """
name: hw
closed: true
properties:
  cores: {type: integer, minimum: 1}
tags:
  env: [prod, 1]
"""
RETENTION = {"name": "old", "action": "DISABLE", "rule": {"by": "COUNT", "value": 3}}


@pytest.fixture(autouse=True)
def answers(gateway: Gateway, tmp_path: Path) -> None:
    gateway.on("GET", "/v1/galleries", page(gallery()))
    gateway.on("POST", "/v1/galleries", Answer(201, gallery()))
    for method in ("GET", "PATCH"):
        gateway.on(method, "/v1/galleries/lab", Answer(body=gallery()))
    gateway.on("DELETE", "/v1/galleries/lab", Answer(204))
    gateway.on("GET", "/v1/quota", Answer(body=quota()))
    gateway.on("PUT", "/v1/quotas/acme", Answer(body=quota()))
    gateway.on("GET", "/v1/retentions", page(retention()))
    gateway.on("PUT", "/v1/retentions/old", Answer(body=retention()))
    gateway.on("DELETE", "/v1/retentions/old", Answer(204))
    gateway.on("POST", "/v1/retentions/old/preview", page(victim(), looked_at=9))
    gateway.on("POST", "/v1/retentions/old/run", Answer(204))
    gateway.on("GET", "/v1/flavours", page(flavour(), flavour(name="General", system=True)))
    gateway.on("PUT", "/v1/flavours/thin", Answer(body=flavour()))
    gateway.on("DELETE", "/v1/flavours/thin", Answer(204))
    gateway.on("GET", "/v1/namespaces", page(namespace()))
    gateway.on("PUT", "/v1/namespaces/hw", Answer(body=namespace()))
    gateway.on("DELETE", "/v1/namespaces/hw", Answer(204))
    gateway.on("GET", "/v1/images/default%2Fgolden", Answer(body=image()))
    (tmp_path / "hw.yaml").write_text(NAMESPACE)
    (tmp_path / "old.json").write_text(json.dumps(RETENTION))


SOFTLY = {"enabled": True, "retention_days": 3}
POLICY: dict[str, Any] = {
    "action": "DELETE", "rule": {"by": "AGE", "value": 6, "unit": "MONTHS"}, "retain_at_least": 2,
    "galleries": ["lab"], "images": [IMAGE], "exclude": {"tags": {"keep": ""}, "shared": True, "used_within_days": 9},
    "suspended": False, "description": "",
}  # fmt: skip
COUNTED: dict[str, Any] = {
    "action": "DISABLE", "rule": {"by": "COUNT", "value": 3, "unit": "DAYS"}, "retain_at_least": 1, "galleries": [],
    "images": [], "exclude": {"tags": {}, "shared": True, "used_within_days": None}, "suspended": False,
    "description": "",
}  # fmt: skip
FOR_OLD = "--action delete --older-than 6 --unit months --retain-at-least 2 --gallery lab --image default/golden"
SCHEMA = {
    "closed": True, "tags": {"env": ["prod", "1"]}, "description": "",
    "properties": {"cores": {
        "type": "integer", "enum": [], "minimum": 1.0, "maximum": None, "max_length": None, "protected": False,
        "description": "",
    }},
}  # fmt: skip

ASKED: list[tuple[str, str, Any]] = [
    (
        "gallery create lab --description x --most-images 5 --soft-delete --retention-days 3",
        "POST /v1/galleries",
        {"name": "lab", "description": "x", "quota": {"images": 5}, "soft_delete": SOFTLY},
    ),
    ("gallery create lab", "POST /v1/galleries", {"name": "lab"}),
    ("gallery list", "GET /v1/galleries", None),
    ("gallery show lab", "GET /v1/galleries/lab", None),
    (
        "gallery edit lab --set description=x --set quota.images=null --if-match 4",
        "PATCH /v1/galleries/lab",
        {"description": "x", "quota": {"images": None}},
    ),
    ("gallery delete lab --if-match 4", "DELETE /v1/galleries/lab", None),
    ("quota show", "GET /v1/quota", None),
    (
        "quota set acme --most-galleries 3 --most-versions 9",
        "PUT /v1/quotas/acme",
        {"galleries": 3, "images": None, "versions": 9, "bytes": None},
    ),
    (
        "quota set acme --most-images 3 --if-match 4",
        "PUT /v1/quotas/acme",
        {"galleries": None, "images": 3, "versions": None, "bytes": None},
    ),
    ("quota set acme --defaults", "PUT /v1/quotas/acme", dict.fromkeys(("galleries", "images", "versions", "bytes"))),
    ("retention list", "GET /v1/retentions", None),
    (f"retention set old {FOR_OLD} --exclude-tag keep --used-within 9", "PUT /v1/retentions/old", POLICY),
    ("retention set --from old.json --if-match 4", "PUT /v1/retentions/old", COUNTED),
    ("retention preview old", "POST /v1/retentions/old/preview", None),
    ("retention preview --from old.json", "POST /v1/retentions/old/preview", COUNTED),
    ("retention run old", "POST /v1/retentions/old/run", None),
    ("retention delete old", "DELETE /v1/retentions/old", None),
    ("retention delete old --if-match 4", "DELETE /v1/retentions/old", None),
    ("flavour list", "GET /v1/flavours", None),
    ("flavour set thin --model t-1", "PUT /v1/flavours/thin", {"models": ["t-1"], "description": ""}),
    (
        "flavour set thin --model t-1 --if-match 4",
        "PUT /v1/flavours/thin",
        {"models": ["t-1"], "description": ""},
    ),
    ("flavour drop thin --if-match 4", "DELETE /v1/flavours/thin", None),
    ("namespace list", "GET /v1/namespaces", None),
    ("namespace set --from hw.yaml --if-match 4", "PUT /v1/namespaces/hw", SCHEMA),
    ("namespace drop hw --if-match 4", "DELETE /v1/namespaces/hw", None),
]


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    result = imprint(*line.split())
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert gateway.paths()[-1] == asked
    assert gateway.asked[-1].body == body
    if "--if-match" in line:
        assert gateway.asked[-1].headers["if-match"] == '"4"'
    json.loads(imprint(*line.split(), "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(409, "gallery_not_empty", hint="Do it so."))
    result = imprint(*line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Do it so." in result.stderr


def test_a_gallery_is_shown_with_what_it_holds_and_may_hold(imprint: Imprint) -> None:
    shown = imprint("gallery", "show", "lab").stdout
    assert "2 of 20" in shown
    assert "1.0 KiB of 2.0 KiB" in shown
    assert "7 days usable by number, 3 more to restore" in shown


@pytest.mark.parametrize(
    ("line", "revision"),
    [
        ("quota show", 3),
        ("retention set --from old.json", 2),
        ("flavour set thin --model t-1", 5),
        ("namespace set --from hw.yaml", 6),
    ],
)
def test_what_if_match_can_name_is_shown(imprint: Imprint, line: str, revision: int) -> None:
    assert f"(revision {revision})" in imprint(*line.split()).stdout


def test_a_preview_tells_what_a_policy_would_take_and_why(gateway: Gateway, imprint: Imprint) -> None:
    shown = imprint("retention", "preview", "old").stdout
    assert "default/golden:1.0.0" in shown
    assert "older than 6 months" in shown
    gateway.on("POST", "/v1/retentions/old/preview", page(looked_at=9))
    assert imprint("retention", "preview", "old").stderr == "It would take nothing.\n"


@pytest.mark.parametrize(
    "line",
    [
        "gallery create",
        "gallery edit lab",
        "gallery edit lab --set description",
        "gallery edit lab --set quota=null --set quota.images=3",
        "gallery edit lab --set description=a --set description=b",
        "quota set acme",
        "quota set acme --most-images 3 --defaults",
        "retention set old --older-than 3",
        "retention set old --action delete",
        "retention set old --action delete --older-than 3 --keep-newest 3",
        "retention set old --from old.json",
        "retention preview",
        "flavour set",
        "flavour set /",
        "namespace set",
    ],
)
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint(*line.split()).exit_code == 2
    assert gateway.asked == []


def test_galleries_are_narrowed_and_sorted_by_any_field(gateway: Gateway, imprint: Imprint) -> None:
    imprint("gallery", "list", "--where", "soft_delete=true", "--where", "min_images=1", "--sort", "-bytes")
    assert gateway.asked[-1].query == {"soft_delete": "true", "min_images": "1", "sort": "-bytes"}
