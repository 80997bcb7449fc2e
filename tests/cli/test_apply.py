"""`imprint apply`: what differs, what is done about it and in which order, and what it does when it cannot go on."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.conftest import Imprint
from cli.hub import Hub
from cli.responder import Answer, Asked, Gateway, job, problem
from imprint.__main__ import main
from imprint.declared import steps

WHOLE = """
galleries:
  - name: lab
    description: For the lab
    quota: {images: 20}
namespaces:
  - name: hw
    properties: {cores: {type: integer}}
flavours:
  - name: thin
    models: [t-1]
images:
  - image: lab/desktop
    os_type: linux
    description: A desktop
    tags: {team: blue}
    details:
      min_disk_gib: 20
      end_of_life: 2027-01-31T22:00:00+01:00
      properties: {hw.cores: 4}
    versions:
      - number: 1.0
        source: {pod: pod-1, name: golden}
        release_notes: First
        publish: {pods: [pod-1, pod-2], replicas: 2}
    markers: {prod: 1.0.0}
"""
ORDER = [
    "POST /v1/galleries",
    "PUT /v1/namespaces/hw",
    "PUT /v1/flavours/thin",
    "POST /v1/images",
    "POST /v1/images/lab/desktop/versions",
    "POST /v1/images/lab/desktop/versions/1.0.0/publish",
    "PUT /v1/images/lab/desktop/markers/prod",
]


@pytest.fixture
def hub(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(steps, "REFRESH", 0.01)
    gateway.routes = found = Hub()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "imprint.yaml"
    path.write_text(WHOLE)
    return path


def test_what_a_file_says_is_made_in_the_order_of_what_needs_what(hub: Hub, imprint: Imprint, file: Path) -> None:
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert hub.written == ORDER
    assert "+ gallery lab\n    description: For the lab\n    quota.images: 20\n" in result.stdout
    assert "+ image lab/desktop\n" in result.stdout
    assert "7 to create, 0 to change, 0 left alone" in result.stdout
    assert result.stdout.count("done: ") == 7
    there = hub.images["lab/desktop"]
    assert (there["tags"], there["details"]["properties"]) == ({"team": "blue"}, {"hw.cores": 4})
    assert hub.placements["lab/desktop", "1.0.0"]["targets"] == {"kind": "list", "pods": ["pod-1", "pod-2"]}


def test_a_second_time_there_is_nothing_to_do_and_nothing_is_written(
    hub: Hub, gateway: Gateway, imprint: Imprint, file: Path
) -> None:
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 0
    gateway.asked.clear()
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert [one.method for one in gateway.asked if one.method != "GET"] == []
    assert "0 to create, 0 to change, 7 left alone\nNothing to do.\n" in result.stdout
    assert imprint("apply", "-f", str(file), "--dry-run").exit_code == 0


@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_a_dry_run_shows_the_difference_writes_nothing_and_says_so_by_its_exit_code(
    hub: Hub, imprint: Imprint, file: Path, option: str
) -> None:
    result = imprint("apply", "-f", str(file), option)
    assert (result.exit_code, hub.written) == (6, [])
    assert "+ version lab/desktop:1.0.0\n    source.pod: pod-1\n" in result.stdout
    found = json.loads(imprint("apply", "-f", str(file), option, "-o", "json").stdout)
    assert [step["action"] for step in found["steps"]] == ["create"] * 7
    assert len(found["not_done"]) == 7


CHANGES: list[tuple[str, str, str, list[str]]] = [
    ("description: For the lab", "description: x", "~ gallery lab\n    description: For the lab → x\n",
     ["PATCH /v1/galleries/lab"]),
    ("images: 20", "images: null", "quota.images: 20 → -\n", ["PATCH /v1/galleries/lab"]),
    ("[t-1]", "[t-1, t-2]", '~ flavour thin\n    models: ["t-1"] → ["t-1","t-2"]\n', ["PUT /v1/flavours/thin"]),
    ("type: integer", "type: number", "properties.cores.type: integer → number\n", ["PUT /v1/namespaces/hw"]),
    ("A desktop", "Another", "~ image lab/desktop\n    description: A desktop → Another\n",
     ["PATCH /v1/images/lab/desktop"]),
    ("team: blue", "team: red, x: y", "tags.team: blue → red\n    tags.x: y",
     ["POST /v1/images/lab/desktop/tags"]),
    ("team: blue", "team: null", "tags.team: blue → -\n", ["POST /v1/images/lab/desktop/tags"]),
    ("hw.cores: 4", "hw.cores: null", "details.properties.hw.cores: 4 → -\n", ["PATCH /v1/images/lab/desktop"]),
    ("2027-01-31T22:00:00+01:00", "2028-01-31T22:00:00Z", "details.end_of_life: 2027-01-31T2",
     ["PATCH /v1/images/lab/desktop"]),
    ("First", "Second", "~ version lab/desktop:1.0.0\n    release_notes: First → Second\n",
     ["PATCH /v1/images/lab/desktop/versions/1.0.0"]),
    ("[pod-1, pod-2]", "[pod-3]", 'pods: ["pod-1","pod-2"] → ["pod-1","pod-2","pod-3"]\n',
     ["PATCH /v1/images/lab/desktop/versions/1.0.0/placement"]),
    ("replicas: 2", "replicas: 3, priority: high", "replicas: 2 → 3\n    priority: normal → high\n",
     ["PATCH /v1/images/lab/desktop/versions/1.0.0/placement"]),
    ("pods: [pod-1, pod-2]", "select: {region: eu}", "targets: ",
     ["POST /v1/images/lab/desktop/versions/1.0.0/republish"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "shown", "written"), CHANGES, ids=[new for _, new, _, _ in CHANGES])
def test_what_changed_is_shown_with_both_values_done_and_then_settled(
    hub: Hub, imprint: Imprint, file: Path, old: str, new: str, shown: str, written: list[str]
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.written.clear()
    file.write_text(WHOLE.replace(old, new))
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert shown.replace("tags.x: y", "tags.x: - → y") in result.stdout
    assert hub.written == written
    assert "0 to create, 1 to change, 6 left alone" in result.stdout
    assert imprint("apply", "-f", str(file), "--dry-run").exit_code == 0, "applied twice it is the same"


def test_times_are_compared_as_moments_and_what_the_file_does_not_name_stays(
    hub: Hub, imprint: Imprint, file: Path
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.images["lab/desktop"]["tags"]["own"] = "kept"
    hub.images["lab/desktop"]["details"]["end_of_life"] = "2027-01-31T21:00:00Z"
    hub.placements["lab/desktop", "1.0.0"]["pods"].append("pod-9")
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 0
    assert hub.written == ORDER
    assert hub.images["lab/desktop"]["tags"] == {"team": "blue", "own": "kept"}


def test_a_marker_moves_under_the_revision_that_it_was_read_at(
    hub: Hub, gateway: Gateway, imprint: Imprint, file: Path
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    moved = "markers: {prod: {number: 1.1.0, rings: [{pods: [pod-1]}], failures: 1}}"
    more = "      - {number: 1.1.0, origin: 'lab/desktop:1.0.0'}\n    markers"
    file.write_text(WHOLE.replace("markers: {prod: 1.0.0}", moved).replace("    markers", more))
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    assert "~ marker lab/desktop prod\n    number: 1.0.0 → 1.1.0\n" in result.stdout
    import_, move = (one for one in gateway.asked[-8:] if one.method in ("POST", "PUT"))
    assert import_.body["origin"] == {"image": "lab/desktop", "number": "1.0.0"}
    assert move.body == {
        "number": "1.1.0",
        "rings": [{"pods": ["pod-1"], "labels": {}}],
        "failures": 1,
        "logoff": "wait",
    }
    assert move.headers["if-match"] == '"1"'


def test_b13_b14_b17_what_is_done_to_a_source_and_what_holds_its_versions_can_be_said_in_a_file(
    hub: Hub, gateway: Gateway, imprint: Imprint, file: Path
) -> None:
    signature = {"value": "c2lnbmF0dXJl", "key_type": "RSA-PSS", "certificate": "vendor"}
    text = WHOLE.replace("    details:\n", "    details:\n      hold_until_validated: true\n")
    source = "source: {pod: pod-1, name: golden}\n"
    more = f"        plugins: [image_decompression]\n        signature: {json.dumps(signature)}\n"
    file.write_text(text.replace(source, source + more))
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 0, result.output
    sent = {one.path: one.body for one in gateway.asked if one.method == "POST"}
    body = sent["/v1/images/lab%2Fdesktop/versions"]
    assert (body["plugins"], body["signature"]) == (["image_decompression"], signature)
    assert sent["/v1/images"]["details"]["hold_until_validated"] is True
    hub.written.clear()
    file.write_text(text.replace("hold_until_validated: true", "hold_until_validated: false"))
    result = imprint("apply", "-f", str(file), "--yes")
    assert "details.hold_until_validated: true → false\n" in result.stdout
    assert hub.written == ["PATCH /v1/images/lab/desktop"]


@pytest.mark.parametrize(
    "said", ["plugins: image_decompression", "signature: {value: c2lnbmF0dXJl, key_type: DSA, certificate: v}"]
)
def test_b13_b14_what_no_import_takes_is_refused_with_its_line(
    gateway: Gateway, imprint: Imprint, file: Path, said: str
) -> None:
    source = "source: {pod: pod-1, name: golden}\n"
    file.write_text(WHOLE.replace(source, f"{source}        {said}\n"))
    result = imprint("apply", "-f", str(file), "--yes")
    assert (result.exit_code, gateway.asked) == (3, [])
    assert "imprint.yaml:24: images[0].versions[0]." in result.stderr


def test_it_asks_before_it_does_anything(hub: Hub, gateway: Gateway, file: Path) -> None:
    words = ["--server", gateway.url, "apply", "-f", str(file)]
    result = CliRunner().invoke(main, words, input="n\n")
    assert (result.exit_code, hub.written) == (1, [])
    assert "Do this?" in result.stderr
    assert CliRunner().invoke(main, words, input="y\n").exit_code == 0
    assert hub.written == ORDER


def test_a_change_by_somebody_else_in_between_stops_it_and_says_what_was_done(
    hub: Hub, imprint: Imprint, file: Path
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.written.clear()
    file.write_text(WHOLE.replace("For the lab", "x").replace("A desktop", "y").replace("First", "Second"))

    def meddle(asked: Asked) -> Answer | None:
        if asked.method == "PATCH" and asked.path == "/v1/galleries/lab":
            hub.images["lab/desktop"]["revision"] += 1
        return None

    hub.before = meddle
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 4
    assert "image lab/desktop: No (revision_mismatch)" in result.stderr
    assert "hint: Read it again." in result.stderr
    assert "done: gallery lab\nnot done: image lab/desktop\nnot done: version lab/desktop:1.0.0\n" in result.stderr
    assert hub.images["lab/desktop"]["description"] == "A desktop"
    hub.before = lambda _: None
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [("[t-1]", "[t-2]", "flavour thin"), ("type: integer", "type: number", "namespace hw")],
)
def test_what_is_said_whole_is_not_written_over_what_somebody_else_said_in_between(
    gateway: Gateway, hub: Hub, imprint: Imprint, file: Path, old: str, new: str, step: str
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.written.clear()
    kept = hub.flavours["thin"] if "flavour" in step else hub.namespaces["hw"]
    before = json.dumps(kept)
    file.write_text(WHOLE.replace(old, new))

    def meddle(asked: Asked) -> Answer | None:
        if asked.method == "PUT":
            kept["revision"] += 1
        return None

    hub.before = meddle
    result = imprint("apply", "-f", str(file), "--yes")
    assert (result.exit_code, f"{step}: No (revision_mismatch)" in result.stderr) == (3, True), result.stderr
    assert {**kept, "revision": 1} == json.loads(before)
    assert [one.method for one in gateway.asked[-2:]] == ["GET", "PUT"], "nothing is read again before it"


def test_what_is_new_is_only_made_while_nobody_else_made_it(hub: Hub, imprint: Imprint, file: Path) -> None:
    def meddle(asked: Asked) -> Answer | None:
        if asked.method == "PUT" and asked.path == "/v1/flavours/thin":
            hub.flavours["thin"] = {"flavour": {"name": "thin", "models": ["t-9"]}, "revision": 1}
        return None

    hub.before = meddle
    result = imprint("apply", "-f", str(file), "--yes")
    assert (result.exit_code, "flavour thin: No (revision_mismatch)" in result.stderr) == (4, True), result.stderr
    assert hub.flavours["thin"]["flavour"]["models"] == ["t-9"]


def test_an_import_that_fails_stops_it_before_what_needs_it(hub: Hub, imprint: Imprint, file: Path) -> None:
    failure = {"code": "vm_not_found", "step": "lock", "text": "No golden.", "hint": "List them.", "retry": False}
    hub.job = job(state="FAILURE", failure=failure)
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 1
    assert hub.written == ORDER[:5]
    assert "No golden." in result.stderr
    assert "not done: publish lab/desktop:1.0.0\nnot done: marker lab/desktop prod\n" in result.stderr
    hub.versions.clear()
    found = json.loads(imprint("apply", "-f", str(file), "--yes", "-o", "json").stdout)
    assert found["not_done"][-1] == "+ marker lab/desktop prod"


@pytest.mark.parametrize(("state", "code"), [("SUCCESS", 0), ("PARTIAL", 4)])
def test_with_wait_publishes_are_followed_to_their_end(
    hub: Hub, imprint: Imprint, file: Path, state: str, code: int
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.placements.clear()
    hub.job = job(kind="publish", state=state)
    assert imprint("apply", "-f", str(file), "--yes", "--wait").exit_code == code


def test_a_marker_waits_until_its_version_is_somewhere(hub: Hub, imprint: Imprint, file: Path) -> None:
    looks: list[str] = []

    def slow(asked: Asked) -> Answer | None:
        if (
            asked.method == "GET"
            and asked.path.endswith("/versions/1.0.0")
            and ("lab/desktop", "1.0.0") in hub.placements
        ):
            looks.append(asked.path)
            hub.versions["lab/desktop", "1.0.0"]["state"] = "AVAILABLE" if len(looks) > 2 else "REPLICATING"
        return None

    hub.before = slow
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 0
    assert len(looks) == 3
    hub.markers.clear()
    looks[:] = []
    hub.before = lambda asked: slow(asked) if len(looks) < 2 else None
    result = imprint("apply", "-f", str(file), "--yes", "--timeout", "0.2")
    assert (result.exit_code, "Apply the file again later." in result.stderr) == (5, True), result.output


CONFLICTS = [
    ("os_type: linux", "os_type: windows", "os_type is linux and cannot become windows"),
    ("min_disk_gib: 20", "min_disk_gib: 30", "details.min_disk_gib is 20 and cannot become 30"),
    (
        "number: 1.0\n        source: {pod: pod-1, name: golden}",
        "number: 2.0.0",
        "there is no version lab/desktop:2.0.0",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), CONFLICTS, ids=[new for _, new, _ in CONFLICTS])
def test_what_cannot_be_is_refused_before_anything_is_done(
    hub: Hub, imprint: Imprint, file: Path, old: str, new: str, said: str
) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.written.clear()
    file.write_text(WHOLE.replace(old, new).replace("For the lab", "x"))
    for option in ("--yes", "--dry-run"):
        result = imprint("apply", "-f", str(file), option)
        assert (result.exit_code, hub.written) == (3, []), result.output
        assert said in result.stderr
    found = json.loads(imprint("apply", "-f", str(file), "--yes", "-o", "json").stdout)
    assert said in found["conflicts"][0]["what"]


def test_a_deleted_version_is_not_imported_again(hub: Hub, imprint: Imprint, file: Path) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.versions["lab/desktop", "1.0.0"]["state"] = "SOFT_DELETED"
    result = imprint("apply", "-f", str(file), "--yes")
    assert result.exit_code == 3
    assert "imprint image restore lab/desktop:1.0.0" in result.stderr


def test_a_version_whose_import_failed_is_imported_again(hub: Hub, imprint: Imprint, file: Path) -> None:
    imprint("apply", "-f", str(file), "--yes")
    hub.versions["lab/desktop", "1.0.0"] |= {"state": "FAILED", "manifest": None}
    hub.placements.clear()
    hub.written.clear()
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 0
    assert hub.written == ORDER[4:6]


def test_a_refusal_with_nothing_done_is_a_refusal(hub: Hub, imprint: Imprint, file: Path) -> None:
    hub.before = lambda asked: problem(403, "forbidden") if asked.method != "GET" else None
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 3
    hub.before = lambda asked: problem(503, "unavailable") if asked.method != "GET" else None
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 5
    hub.before = lambda _: problem(403, "forbidden")
    assert imprint("apply", "-f", str(file), "--yes").exit_code == 3


@pytest.mark.parametrize("words", [(), ("-f", "nowhere.yaml"), ("-f", "imprint.yaml", "-o", "json")])
def test_a_wrong_command_line_asks_nobody(
    gateway: Gateway, imprint: Imprint, file: Path, words: tuple[str, ...]
) -> None:
    assert imprint("apply", *words).exit_code == 2
    assert gateway.asked == []


def test_a_file_that_names_a_thing_twice_is_refused(gateway: Gateway, imprint: Imprint, file: Path) -> None:
    twice: list[tuple[str, Any]] = [
        ("galleries: [{name: a}, {name: a}]", "gallery a"),
        ("images: [{image: a/b, versions: [{number: 1.0}, {number: 1.0.0}]}]", "version of a/b 1.0.0"),
    ]
    for text, what in twice:
        file.write_text(text)
        result = imprint("apply", "-f", str(file), "--yes")
        assert (result.exit_code, gateway.asked) == (3, [])
        assert f"{what} is there twice" in result.stderr
