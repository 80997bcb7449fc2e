"""`imprint apply` and with whom galleries and images are shared."""

from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.hub import Hub
from cli.responder import Answer, Asked, Gateway, page, problem
from imprint.declared import sharing, steps

FILE = """
galleries:
  - name: lab
    sharing: {sharing: groups, members: [beta, acme]}
images:
  - image: lab/desktop
    versions:
      - number: 1.0.0
        source: {pod: pod-1, name: golden}
        publish: {}
    offers: {to: [acme, "org:corp/eu"], acknowledged: true, until: 2030-01-01T00:00:00Z}
"""


@pytest.fixture
def hub(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(steps, "REFRESH", 0.01)
    monkeypatch.setattr(sharing, "PAUSE", 0.01)
    gateway.routes = found = Hub()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "imprint.yaml"
    path.write_text(FILE)
    return path


def test_what_a_file_says_is_shared_last_and_then_nothing_is_left(hub: Hub, imprint: Imprint, file: Path) -> None:
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert hub.written[-3:] == ["PUT /v1/galleries/lab/sharing", "POST /v1/shares", "POST /v1/shares"]
    assert hub.shared["lab"]["members"] == ["acme", "beta"]
    assert set(hub.members) == {("lab/desktop", "acme"), ("lab/desktop", "org:corp/eu")}
    done = len(hub.written)
    assert imprint("apply", "-f", str(file), "--dry-run").exit_code == 0
    assert len(hub.written) == done


def test_who_is_not_named_keeps_an_offer_and_loses_a_gallery(hub: Hub, imprint: Imprint, file: Path) -> None:
    imprint("apply", "-f", str(file), "--yes")
    file.write_text(FILE.replace("[beta, acme]", "[beta]").replace('[acme, "org:corp/eu"]', "[gamma]"))
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert "~ sharing lab" in result.output
    assert "+ offer lab/desktop gamma" in result.output
    assert hub.shared["lab"]["members"] == ["beta"]
    assert len(hub.members) == 3


def test_an_offer_is_given_another_end_and_one_without_an_end_is_left_as_it_is(
    hub: Hub, imprint: Imprint, file: Path
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    file.write_text(FILE.replace(", until: 2030-01-01T00:00:00Z", ""))
    assert imprint("apply", "-f", str(file), "--dry-run").exit_code == 0
    file.write_text(FILE.replace("2030", "2031"))
    assert "~ offer lab/desktop acme" in imprint("apply", "-f", str(file), "--yes").output
    assert hub.members["lab/desktop", "acme"]["until"].startswith("2031")


def test_what_the_sharing_service_has_not_heard_of_yet_is_asked_again(hub: Hub, imprint: Imprint, file: Path) -> None:
    refused: dict[str, Any] = {"image": "", "member": "", "state": "", "detail": "Not yet.", "hint": "Wait."}
    waiting = {
        ("PUT", "/v1/galleries/lab/sharing"): problem(404, "gallery_not_found"),
        ("POST", "/v1/shares"): page({**refused, "code": "not_shareable_unavailable"}),
    }
    hub.before = lambda asked: waiting.pop((asked.method, asked.path), None)
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 0
    assert not waiting


def test_a_refused_offer_ends_it_with_the_code_and_the_hint_of_the_pair(hub: Hub, imprint: Imprint, file: Path) -> None:
    row = {"image": "", "member": "acme", "state": "", "code": "not_shareable_market", "detail": "Sold.", "hint": "No."}

    def answer(asked: Asked) -> Answer | None:
        return page(row) if asked.path == "/v1/shares" else None

    hub.before = answer
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code != 0
    assert ("not_shareable_market" in result.output, "hint: No." in result.output) == (True, True)


def test_a_member_that_is_nobody_is_told_with_its_line(hub: Hub, imprint: Imprint, file: Path) -> None:
    file.write_text(FILE.replace("acme]", '"user:acme/jo"]'))
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 3
    assert "imprint.yaml:4: " in result.stderr
    assert hub.written == []
