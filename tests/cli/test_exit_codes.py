"""What the exit code says, and what stands on stderr beside it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.conftest import Imprint
from cli.responder import JOB, Answer, Gateway, accepted, copy, job, page, problem, version
from imprint.__main__ import main
from imprint.local.ports import any_free

VERSIONS = "/v1/images/default%2Fgolden/versions"
IMPORT = ("image", "import", "default/golden", "--pod", "pod-1", "--vm", "golden")
PUBLISH = ("image", "publish", "default/golden:1.0.0")
FAILURE = {
    "code": "vm_not_found", "step": "lock", "text": "The pod has no VM golden.", "hint": "List them: imprint pod vms.",
    "retry": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(404, "image_not_found"), 3),
        (problem(409, "version_exists"), 3),
        (problem(422, "validation_failed"), 3),
        (problem(500, "internal"), 1),
        (problem(503, "unavailable"), 5),
        (problem(504, "timeout"), 5),
        (Answer(502, {"not": "a problem"}), 5),
        (Answer(404, {"not": "a problem"}), 3),
        (Answer(200, {"not": "an image"}), 5),
    ],
)
def test_an_answer_that_is_no_success_decides_the_exit_code(
    gateway: Gateway, imprint: Imprint, answer: Answer, code: int
) -> None:
    gateway.on("GET", "/v1/images/default%2Fgolden", answer)
    assert imprint("image", "show", "default/golden").exit_code == code


def test_a_refusal_tells_title_detail_hint_and_code_on_stderr(gateway: Gateway, imprint: Imprint) -> None:
    refusal = problem(
        409, "version_exists", "A version of this number exists already", "1.0.0 is there.", "Take 1.0.1."
    )
    gateway.on("POST", VERSIONS, refusal)
    result = imprint(*IMPORT)
    assert result.exit_code == 3
    assert result.stdout == ""
    expected = "A version of this number exists already (version_exists)\n1.0.0 is there.\nhint: Take 1.0.1.\n"
    assert result.stderr == expected


def test_with_json_output_a_refusal_is_json_on_stdout_too(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", VERSIONS, problem(409, "version_exists", "It exists already", "1.0.0 is there.", "Take 1.0.1."))
    result = imprint("--output", "json", *IMPORT)
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "problem": {
            "title": "It exists already", "detail": "1.0.0 is there.", "hint": "Take 1.0.1.", "code": "version_exists",
        }
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "state", "code"),
    [
        ("import", "SUCCESS", 0),
        ("import", "FAILURE", 1),
        ("publish", "SUCCESS", 0),
        ("publish", "PARTIAL", 4),
        ("publish", "FAILURE", 1),
        ("publish", "CANCELLED", 1),
    ],
)
def test_with_wait_the_end_of_the_job_decides(
    gateway: Gateway, imprint: Imprint, kind: str, state: str, code: int
) -> None:
    gateway.on("POST", VERSIONS, accepted())
    gateway.on("POST", f"{VERSIONS}/1.0.0/publish", accepted())
    gateway.on("GET", f"/v1/images/{version()['image']}/versions/1.0.0/copies", page(copy()))
    running = Answer(body=job(kind=kind, state="PROCESSING"))
    gateway.on("GET", f"/v1/jobs/{JOB}", running, Answer(body=job(kind=kind, state=state)))
    result = imprint(*(IMPORT if kind == "import" else PUBLISH), "--wait")
    assert result.exit_code == code, result.output
    assert state in result.stdout
    assert gateway.paths().count(f"GET /v1/jobs/{JOB}") == 2


def test_a_failed_job_tells_why_and_what_to_do(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", VERSIONS, accepted())
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(state="FAILURE", failure=FAILURE)))
    result = imprint(*IMPORT, "--wait")
    assert result.exit_code == 1
    assert "vm_not_found" in result.stderr
    assert "The pod has no VM golden." in result.stderr
    assert "hint: List them: imprint pod vms." in result.stderr


def test_a_job_that_is_not_over_in_time_is_not_a_success(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", VERSIONS, accepted())
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(state="PROCESSING")))
    result = imprint(*IMPORT, "--wait", "--timeout", "0.3")
    assert result.exit_code == 5
    assert f"imprint job watch {JOB}" in result.stderr
    assert "reached" not in result.stderr, "the server answered all the time"


def test_job_watch_has_the_exit_code_of_the_job(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(state="FAILURE", failure=FAILURE)))
    assert imprint("job", "watch", JOB).exit_code == 1


def test_nobody_listening_is_unreachable() -> None:
    result = CliRunner().invoke(main, ["--server", f"http://127.0.0.1:{any_free()}", "image", "list"])
    assert result.exit_code == 5
    assert "imprint up" in result.stderr


def test_without_a_server_it_says_how_to_name_one() -> None:
    result = CliRunner().invoke(main, ["image", "list"])
    assert result.exit_code == 5
    assert "IMPRINT_SERVER" in result.stderr


def test_the_address_that_up_left_is_used(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / ".imprint").mkdir()
    (tmp_path / ".imprint" / "address").write_text(gateway.url + "\n")
    gateway.on("GET", "/v1/images", page())
    assert CliRunner().invoke(main, ["image", "list"]).exit_code == 0


def test_an_option_goes_before_the_environment(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/images", page())
    elsewhere = {"IMPRINT_SERVER": f"http://127.0.0.1:{any_free()}"}
    assert CliRunner().invoke(main, ["--server", gateway.url, "image", "list"], env=elsewhere).exit_code == 0
    assert CliRunner().invoke(main, ["image", "list", "--server", gateway.url], env=elsewhere).exit_code == 0
    assert CliRunner().invoke(main, ["image", "list"], env={"IMPRINT_SERVER": gateway.url}).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("image", "import", "default/golden", "--pod", "pod-1"),
        ("image", "import", "default/golden", "--pod", "pod-1", "--vm", "a", "--file", "b"),
        ("image", "import", "default/golden", "--vm", "a"),
        ("image", "publish", "default/golden", "--pods", " , "),
        ("image", "show", ":1.0.0"),
        ("image", "list", "--output", "xml"),
        ("job", "watch"),
    ],
)
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, arguments: tuple[str, ...]) -> None:
    assert imprint(*arguments).exit_code == 2
    assert gateway.asked == []


def test_publish_without_a_number_takes_the_newest_that_has_content(gateway: Gateway, imprint: Imprint) -> None:
    unready = version(number="1.2.0", state="DEPLOYING_VM", manifest=None)
    gateway.on("GET", VERSIONS, page(unready, version(number="1.1.0"), version(number="1.0.0")))
    gateway.on("POST", f"{VERSIONS}/1.1.0/publish", accepted())
    assert imprint("image", "publish", "default/golden").exit_code == 0


def test_publish_of_an_image_without_content_is_refused(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", VERSIONS, page(version(state="PENDING", manifest=None)))
    result = imprint("image", "publish", "default/golden")
    assert result.exit_code == 3
    assert "imprint image import" in result.stderr
