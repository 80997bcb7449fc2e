"""The commands about certificates, by which signatures of imported images are checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.holdings import certificate
from cli.responder import Answer, Gateway, page, problem

PEM = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
VENDOR = "/v1/certificates/vendor"


@pytest.fixture(autouse=True)
def answers(gateway: Gateway, tmp_path: Path) -> None:
    gateway.on("GET", "/v1/certificates", page(certificate()))
    gateway.on("PUT", VENDOR, Answer(body=certificate()))
    gateway.on("DELETE", VENDOR, Answer(204))
    (tmp_path / "vendor.pem").write_text(PEM)
    (tmp_path / "vendor.der").write_bytes(b"\x30\x82\xff")


ASKED: list[tuple[str, str, Any]] = [
    ("set vendor vendor.pem", f"PUT {VENDOR}", {"pem": PEM}),
    ("list", "GET /v1/certificates", None),
    ("remove vendor", f"DELETE {VENDOR}", None),
]


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_b14_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    result = imprint("certificate", *line.split())
    assert result.exit_code == 0, result.output
    assert "vendor" in result.stdout
    assert (gateway.paths(), gateway.asked[-1].body) == ([asked], body)
    json.loads(imprint("certificate", *line.split(), "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(422, "certificate_invalid", hint="Take a stronger key."))
    result = imprint("certificate", *line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Take a stronger key." in result.stderr


def test_a_certificate_is_shown_with_whose_it_is_and_how_long_it_holds(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("PUT", VENDOR, Answer(body=certificate(subject="CN=vendor\x1b[2J")))
    shown = imprint("certificate", "set", "vendor", "vendor.pem").stdout
    assert shown.startswith("certificate vendor: CN=vendor\\x1b[2J, until 2026-01-0")
    assert "4" * 64 in shown
    gateway.on("GET", "/v1/certificates", page())
    assert imprint("certificate", "list").stderr == "There are no certificates yet.\n"


@pytest.mark.parametrize("line", ["set vendor", "set vendor nowhere.pem", "set vendor vendor.der", "remove"])
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint("certificate", *line.split()).exit_code == 2
    assert gateway.asked == []
