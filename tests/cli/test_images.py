"""The commands that define images, import versions and lead them through their lives."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.responder import AT, IMAGE, JOB, Answer, Gateway, accepted, copy, image, job, page, problem, version

ONE = "/v1/images/default%2Fgolden"
VERSIONS = f"{ONE}/versions"
V1 = f"{VERSIONS}/1.0.0"
FILE = """
os_type: windows
details:
  vcpus: {min: 2}
  min_disk_gib: 30
  features:
    - {name: IsHibernateSupported, value: "True", starts_at_version: 1.10}
"""
CAPSULE = {
    "components": [{"name": "app", "version": "1.10", "sha256": "0" * 64}], "install": "i", "remove": "r",
}  # fmt: skip


@pytest.fixture(autouse=True)
def answers(gateway: Gateway, tmp_path: Path) -> None:
    gateway.on("GET", "/v1/images", page(image()))
    gateway.on("POST", "/v1/images", Answer(201, image()))
    for method in ("GET", "PATCH"):
        gateway.on(method, ONE, Answer(body=image(tags={"team": "blue"})))
        gateway.on(method, V1, Answer(body=version()))
    gateway.on("DELETE", ONE, Answer(204))
    gateway.on("POST", f"{ONE}/tags", Answer(body=image(tags={"team": "blue"})))
    gateway.on("GET", VERSIONS, page(version()))
    gateway.on("POST", VERSIONS, accepted())
    gateway.on("DELETE", V1, accepted())
    gateway.on("POST", f"{V1}/restore", Answer(body=version()))
    gateway.on("POST", f"{V1}/deactivate", Answer(body=version(deactivated=True)))
    gateway.on("POST", f"{V1}/reactivate", Answer(body=version()))
    for path in (ONE, V1):
        for verb in ("enable", "disable", "protect", "unprotect", "deprecate"):
            gateway.on("POST", f"{path}/{verb}", Answer(204))
    done = {"kind": "boot", "status": "Succeeded", "tool": "t", "detail": "", "at": AT}
    gateway.on("POST", f"{V1}/validations", Answer(body=version(validations=[done])))
    ancestor = {"version": "0" * 32, "image": IMAGE, "number": "0.9.0", "state": "DELETED", "depth": 1}
    gateway.on("GET", f"{V1}/lineage", page(ancestor))
    user = {"assignment": "0" * 32, "name": "desks", "pod": "pod-1", "seats": 2, "users": 1, "wanted": False}
    gateway.on("GET", f"{V1}/users", page(user))
    gateway.on("POST", f"/v1/jobs/{JOB}/retry", accepted())
    gateway.on("GET", "/v1/jobs", page(job()))
    (tmp_path / "image.yaml").write_text(FILE)
    (tmp_path / "capsule.json").write_text(json.dumps(CAPSULE))
    (tmp_path / "golden.sig").write_bytes(b"\x00signature\xff\n")
    (tmp_path / "golden.b64").write_text("AHNpZ25h\ndHVyZf8K\n")
    (tmp_path / "empty.sig").write_text(" \n")
    (tmp_path / "big.sig").write_bytes(b"\x00" * 65_537)
    (tmp_path / "uefi.yaml").write_text("signature_templates: [MicrosoftWindowsTemplate]\n")


MADE = {"gallery": "default", "name": "golden"}
FEATURE = {"name": "IsHibernateSupported", "value": "True", "starts_at_version": "1.10"}
FROM_FILE = {
    **MADE, "os_type": "windows", "description": "x",
    "details": {"vcpus": {"min": 2}, "min_disk_gib": 20, "features": [FEATURE]},
}  # fmt: skip
OPTIONS = (
    "--os-type linux --os-state specialized --generation v2 --architecture arm64 --class capsule --desktop VOI"
    " --flavour thin --publisher acme --offer os --sku base --tag team=blue --tag any --vcpus 2-8 --memory -4096"
    " --min-ram 1024 --max-ram 8192 --disallow-disk-type hdd --security-type TrustedLaunch"
    " --feature DiskControllerType=NVMe@1.2.0 --hypervisor kvm --gpu a100 --capability secureboot"
    " --plan acme/cad/gold --eula-uri https://a.test/e --require-eula --project lab --property hw.cores=4"
    " --property note=x --end-of-life 2027-01-31T22:00+00:00 --enforce-end-of-life --keep-replicated-locations"
    " --allow-update-image --hidden --hold-until-validated"
)
EVERYTHING: dict[str, Any] = {
    **MADE, "os_type": "linux", "os_state": "specialized", "generation": "V2", "architecture": "arm64",
    "image_class": "capsule", "desktop_kind": "VOI", "flavour": "thin",
    "identifier": {"publisher": "acme", "offer": "os", "sku": "base"}, "tags": {"team": "blue", "any": ""},
    "details": {
        "vcpus": {"min": 2, "max": 8}, "memory_mib": {"max": 4096}, "min_ram_mib": 1024, "max_ram_mib": 8192,
        "disallowed_disk_types": ["hdd"], "hypervisors": ["kvm"], "gpu_types": ["a100"],
        "capabilities": ["secureboot"], "eula_uri": "https://a.test/e", "require_eula": True, "project": "lab",
        "features": [
            {"name": "DiskControllerType", "value": "NVMe", "starts_at_version": "1.2.0"},
            {"name": "SecurityType", "value": "TrustedLaunch"},
        ],
        "purchase_plan": {"publisher": "acme", "product": "cad", "name": "gold"},
        "properties": {"hw.cores": 4, "note": "x"}, "end_of_life": "2027-01-31T22:00:00+00:00",
        "enforce_end_of_life": True, "allow_deletion_of_replicated_locations": False, "allow_update_image": True,
        "hidden": True, "hold_until_validated": True,
    },
}  # fmt: skip
PATCHED = {"details": {"min_disk_gib": 20, "end_of_life": None, "properties": {"hw.cores": 4}}, "description": "a b"}
VERDICT = {"kind": "boot", "status": "Succeeded", "tool": "t", "detail": ""}
ASKED: list[tuple[str, str, Any]] = [
    ("create default/golden", "POST /v1/images", MADE),
    ("create default/golden --from image.yaml --min-disk 20 --description x", "POST /v1/images", FROM_FILE),
    (f"create default/golden {OPTIONS}", "POST /v1/images", EVERYTHING),
    (
        "edit default/golden --set details.min_disk_gib=20 --set details.end_of_life=null"
        " --set details.properties.hw.cores=4 --set description=a_b --if-match 3",
        f"PATCH {ONE}",
        PATCHED,
    ),
    ("edit default/golden:1.0.0 --set release_notes=x --if-match 3", f"PATCH {V1}", {"release_notes": "x"}),
    ("edit default/golden 1.0.0 --set hidden=true", f"PATCH {V1}", {"hidden": True}),
    ("tag default/golden", f"GET {ONE}", None),
    (
        "tag default/golden --set team=blue --set a.b/c= --remove old --if-match 3",
        f"POST {ONE}/tags",
        {"set": {"team": "blue", "a.b/c": ""}, "remove": ["old"]},
    ),
    ("delete default/golden --if-match 3", f"DELETE {ONE}", None),
    ("delete default/golden:1.0.0 --if-match 3", f"DELETE {V1}", None),
    ("delete default/golden 1.0.0 --for-good --force", f"DELETE {V1}", None),
    ("restore default/golden:1.0.0", f"POST {V1}/restore", None),
    ("disable default/golden --if-match 3", f"POST {ONE}/disable", None),
    ("disable default/golden:1.0.0", f"POST {V1}/disable", None),
    ("enable default/golden 1.0.0", f"POST {V1}/enable", None),
    ("deactivate default/golden:1.0.0 --if-match 3", f"POST {V1}/deactivate", None),
    ("reactivate default/golden:1.0.0", f"POST {V1}/reactivate", None),
    ("protect default/golden --cool-down 24", f"POST {ONE}/protect", {"cool_down": 24.0}),
    ("protect default/golden:1.0.0", f"POST {V1}/protect", None),
    (
        "deprecate default/golden --replacement default/next --if-match 3",
        f"POST {ONE}/deprecate",
        {"state": "DEPRECATED", "replacement": "default/next"},
    ),
    (
        "deprecate default/golden 1.0.0 --obsolete --replacement 1.1.0",
        f"POST {V1}/deprecate",
        {"state": "OBSOLETE", "replacement": "1.1.0"},
    ),
    ("deprecate default/golden --undo", f"POST {ONE}/deprecate", {"state": "ACTIVE", "replacement": None}),
    ("versions default/golden --state AVAILABLE --where source_kind=vm", f"GET {VERSIONS}", None),
    ("lineage default/golden:1.0.0", f"GET {V1}/lineage", None),
    ("users default/golden:1.0.0", f"GET {V1}/users", None),
    ("validate default/golden:1.0.0 boot succeeded --tool t", f"POST {V1}/validations", VERDICT),
]


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    words = [word.replace("a_b", "a b") for word in line.split()]
    result = imprint("image", *words)
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert (gateway.paths(), gateway.asked[-1].body) == ([asked], body)
    assert gateway.asked[-1].headers.get("if-match") == ('"3"' if "--if-match" in line else None)
    json.loads(imprint("image", *words, "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(409, "protected", hint="Unprotect it."))
    result = imprint("image", *line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Unprotect it." in result.stderr


def test_a_list_is_narrowed_by_every_filter_that_is_given(gateway: Gateway, imprint: Imprint) -> None:
    words = "--gallery lab --state AVAILABLE --text gold --tag team=blue --tag any --pod pod-1 --owner acme --hidden"
    imprint("image", "list", *words.split(), "--where", "os_type=linux", "--where", "min_versions=2", "--sort", "-name")
    assert sorted(gateway.asked[-1].given) == [
        ("gallery", "lab"), ("hidden", "true"), ("min_versions", "2"), ("os_type", "linux"), ("owner", "acme"),
        ("pod", "pod-1"), ("sort", "-name"), ("state", "AVAILABLE"), ("tag", "any"), ("tag", "team=blue"),
        ("text", "gold"),
    ]  # fmt: skip
    imprint("job", "list", "--kind", "delete", "--image", "default/golden", "--where", "actor=ada", "--sort", "updated")
    assert gateway.asked[-1].query == {
        "kind": "delete", "image": "default/golden", "actor": "ada", "sort": "updated",
    }  # fmt: skip


def test_who_uses_a_version_and_where_it_comes_from_is_narrowed_and_sorted_by_any_field(
    gateway: Gateway, imprint: Imprint
) -> None:
    words = ("--where", "pod=pod-1", "--where", "min_seats=2", "--sort", "-last_used")
    assert "desks" in imprint("image", "users", "default/golden:1.0.0", *words).stdout
    assert gateway.asked[-1].query == {"pod": "pod-1", "min_seats": "2", "sort": "-last_used"}
    words = ("--where", "state=DELETED", "--sort", "-depth")
    assert "0.9.0" in imprint("image", "lineage", "default/golden:1.0.0", *words).stdout
    assert gateway.asked[-1].query == {"state": "DELETED", "sort": "-depth"}


def _vm(name: str = "g", kind: str = "vm") -> dict[str, str]:
    return {"pod": "pod-1", "kind": kind, "name": name, "disks": "all"}


PLUGINS = ["image_decompression", "inject_image_metadata"]
SIGNATURE = {"value": "AHNpZ25hdHVyZf8K", "key_type": "RSA-PSS", "certificate": "vendor"}
IMPORTS: list[tuple[str, dict[str, Any]]] = [
    (f"--file g.xz --plugin {PLUGINS[0]} --plugin {PLUGINS[1]}",
     {"source": _vm("g.xz", "file"), "mode": "clone", "plugins": PLUGINS}),
    ("--file g.xz --no-plugins", {"source": _vm("g.xz", "file"), "mode": "clone", "plugins": []}),
    *(
        (f"--file g --signature {file} --certificate vendor --key-type RSA-PSS",
         {"source": _vm("g", "file"), "mode": "clone", "signature": SIGNATURE})
        for file in ("golden.sig", "golden.b64")
    ),
    ("--vm g", {"source": _vm(), "mode": "clone"}),
    ("--vm g --convert", {"source": _vm(), "mode": "convert"}),
    ("--vm g --snapshot before", {"source": _vm(), "mode": "clone", "snapshot": True, "snapshot_name": "before"}),
    ("--source v-1 --kind disk", {"source": _vm("v-1", "disk"), "mode": "clone"}),
    ("--source t-1 --kind template", {"source": _vm("t-1", "template"), "mode": "clone"}),
    (
        "--from-version lab/base:1.0.0",
        {"origin": {"image": "lab/base", "number": "1.0.0", "pod": "pod-1"}, "mode": "clone"},
    ),
    (
        "--vm g --os-state specialized --generation V2 --class capsule --desktop VDI --flavour thin --description d"
        " --release-notes r --exclude-from-latest --end-of-life 2027-01-31T22:00+00:00 --capsule capsule.json"
        " --uefi uefi.yaml",
        {
            "source": _vm(), "mode": "clone", "os_state": "specialized", "generation": "V2", "image_class": "capsule",
            "desktop_kind": "VDI", "flavour": "thin", "description": "d", "release_notes": "r",
            "exclude_from_latest": True, "end_of_life": "2027-01-31T22:00:00+00:00", "capsule": CAPSULE,
            "uefi": {"signature_templates": ["MicrosoftWindowsTemplate"]},
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "body"), IMPORTS, ids=[line for line, _ in IMPORTS])
def test_an_import_says_what_was_given_and_nothing_else(
    gateway: Gateway, imprint: Imprint, line: str, body: dict[str, Any]
) -> None:
    result = imprint("image", "import", "default/golden", "--pod", "pod-1", *line.split())
    assert (result.exit_code, JOB in result.stdout) == (0, True), result.output
    sent = dict(gateway.asked[-1].body)
    assert sent.pop("end_of_life", "")[:13] in ("", "2027-01-31T22", "2027-02-01T00", "2027-01-31T23")
    assert sent == {"create": True} | {key: value for key, value in body.items() if key != "end_of_life"}
    assert ("no backup" in result.stderr) == ("--snapshot" in line)


def test_a_version_needs_no_pod_to_be_made_from_another_one(gateway: Gateway, imprint: Imprint) -> None:
    imprint("image", "import", "default/golden", "--from-version", "lab/base:1.0.0", "--existing")
    origin = {"image": "lab/base", "number": "1.0.0"}
    assert gateway.asked[-1].body == {"origin": origin, "mode": "clone", "create": False}


def test_a_deleted_version_is_followed_to_its_end(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(kind="delete")))
    result = imprint("image", "delete", "default/golden:1.0.0", "--wait", "--for-good")
    assert (result.exit_code, result.stdout) == (0, "delete of default/golden 1.0.0: SUCCESS\n")
    assert next(one.query for one in gateway.asked if one.method == "DELETE") == {"bypass_soft_delete": "true"}


def test_the_end_of_a_protection_tells_how_long_it_lasts_yet(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", V1, Answer(body=version(protected_until=AT)))
    assert "is protected until 2026-01-0" in imprint("image", "unprotect", "default/golden:1.0.0").stdout
    assert "is protected no more" in imprint("image", "unprotect", "default/golden").stdout


def test_an_image_is_shown_with_its_warnings(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", ONE, Answer(body=image(tags={"team": "blue"}, warnings=["It is DEPRECATED.\x1b[2J"])))
    gateway.on("GET", f"/v1/images/{IMAGE}/versions/1.0.0/copies", page(copy()))
    gateway.on("GET", V1, Answer(body=version(markers=["prod"], purge=AT, warnings=["Its end is near."])))
    shown = imprint("image", "show", "default/golden")
    assert "tags: team=blue" in shown.stdout
    assert shown.stderr == "Warning: It is DEPRECATED.\\x1b[2J\n"
    shown = imprint("image", "show", "default/golden:1.0.0")
    assert "named by prod" in shown.stdout
    assert "denied" not in shown.stdout
    assert "goes for good 2026-01-0" in shown.stdout
    assert shown.stderr == "Warning: Its end is near.\n"


def test_f6_b14_b17_a_version_is_shown_with_its_signature_its_validations_and_that_its_data_is_denied(
    gateway: Gateway, imprint: Imprint
) -> None:
    result = {"kind": "boot", "status": "Failed", "tool": "t", "detail": "No disk\x1b.", "at": AT}
    view = version(deactivated=True, signature=SIGNATURE, validations=[result])
    gateway.on("GET", V1, Answer(body=view))
    gateway.on("GET", f"/v1/images/{IMAGE}/versions/1.0.0/copies", page(copy(state="PENDING", reason="data_denied")))
    shown = imprint("image", "show", "default/golden:1.0.0").stdout
    assert "It came with a signature that holds (RSA-PSS, certificate vendor)." in shown
    assert "validation boot: Failed  No disk\\x1b." in shown
    assert "Its data is denied to all but operators." in shown
    assert "paused: the version's data is denied" in shown
    result_ = imprint("image", "deactivate", "default/golden:1.0.0")
    assert result_.stdout == "the data of default/golden:1.0.0 is denied to all but operators\n"
    result_ = imprint("image", "reactivate", "default/golden:1.0.0")
    assert result_.stdout == "the data of default/golden:1.0.0 is as accessible as before\n"


def test_a6_b17_an_image_is_shown_with_the_number_to_come_and_with_what_holds_its_versions(
    gateway: Gateway, imprint: Imprint
) -> None:
    gateway.on("GET", ONE, Answer(body=image(next_number="1.1.0", details={"hold_until_validated": True})))
    shown = imprint("image", "show", "default/golden").stdout
    assert "next version: 1.1.0\n" in shown
    assert "new use: only of versions that were validated\n" in shown


def test_b15_an_import_that_waits_for_its_pod_is_shown_with_its_place(gateway: Gateway, imprint: Imprint) -> None:
    waiting = job(state="PENDING", position=3)
    gateway.on("GET", "/v1/jobs", page(waiting, job(state="PROCESSING")))
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=waiting))
    gateway.on("GET", f"/v1/jobs/{JOB}/events", page())
    assert imprint("job", "list").stdout.count("number 3 in line") == 1
    assert "import of default/golden 1.0.0: PENDING, number 3 in line\n" in imprint("job", "show", JOB).stdout


@pytest.mark.parametrize("kind", ["import", "publish", "assign", "delete"])
def test_a_job_of_any_kind_can_be_given_up(gateway: Gateway, imprint: Imprint, kind: str) -> None:
    given_up = job(kind=kind, state="CANCELLED")
    gateway.on("POST", f"/v1/jobs/{JOB}/cancel", Answer(202, given_up))
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=given_up))
    gateway.on("GET", f"/v1/images/{IMAGE}/versions/1.0.0/copies", page())
    result = imprint("job", "cancel", JOB, "--wait")
    assert (result.exit_code, result.stdout) == (0, f"{kind} of default/golden 1.0.0: CANCELLED\n")
    gateway.on("POST", f"/v1/jobs/{JOB}/cancel", problem(409, "not_cancellable", hint="Its copies are gone."))
    assert "hint: Its copies are gone." in imprint("job", "cancel", JOB).stderr


def test_a_job_is_shown_with_its_progress_and_tried_again(gateway: Gateway, imprint: Imprint) -> None:
    row = {"pod": "pod-1", "state": "REPLICATING", "bytes": 1024, "total": 4096, "rate": 512.0, "eta": 6.0}
    view = job(
        state="PROCESSING", percent=25.0, bytes=1024, total=4096, rate=512.0, eta=6.0, rows=[row], retried="0" * 32
    )
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=view))
    gateway.on("GET", f"/v1/jobs/{JOB}/events", page())
    shown = imprint("job", "show", JOB).stdout
    assert "25 %, 1.0 KiB of 4.0 KiB, 512 B/s, 6 s to go" in shown
    assert f"tried again as job {'0' * 32}" in shown
    assert "REPLICATING" in shown
    assert JOB in imprint("job", "retry", JOB).stdout
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(kind="delete", state="FAILURE")))
    assert imprint("job", "retry", JOB, "--wait").exit_code == 1


@pytest.mark.parametrize(
    "line",
    [
        "create golden",
        "create default/golden --publisher acme",
        "create default/golden --vcpus 2",
        "create default/golden --feature x",
        "create default/golden --os-type beos",
        "create default/golden --from nowhere.yaml",
        "edit default/golden",
        "edit default/golden:1.0.0 1.0.0 --set a=b",
        "edit default/golden --set .=b",
        "tag default/golden --if-match 3",
        "delete default/golden --force",
        "restore default/golden",
        "deprecate default/golden --undo --obsolete",
        "validate default/golden:1.0.0 boot Maybe",
        "import default/golden --vm a",
        "import default/golden --pod pod-1 --vm a --from-version b:1.0.0",
        "import default/golden --pod pod-1 --source a",
        "import default/golden --pod pod-1 --vm a --kind disk",
        "import default/golden --pod pod-1 --vm a --convert --mode clone",
        "import default/golden --from-version lab/base",
        "import default/golden --pod pod-1 --vm a --plugin x --no-plugins",
        "import default/golden --pod pod-1 --vm a --signature golden.sig",
        "import default/golden --pod pod-1 --vm a --certificate vendor --key-type RSA-PSS",
        "import default/golden --pod pod-1 --vm a --signature golden.sig --certificate vendor --key-type DSA",
        "import default/golden --pod pod-1 --vm a --signature empty.sig --certificate vendor --key-type RSA-PSS",
        "import default/golden --pod pod-1 --vm a --signature big.sig --certificate vendor --key-type RSA-PSS",
        "deactivate default/golden",
    ],
)
def test_a_wrong_command_line_asks_nobody(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint("image", *line.split()).exit_code == 2
    assert gateway.asked == []


def test_a_field_that_a_file_cannot_have_is_named_with_its_line(
    gateway: Gateway, imprint: Imprint, tmp_path: Path
) -> None:
    (tmp_path / "image.yaml").write_text("os_type: linux\ndetails:\n  min_disk: 3\n")
    result = imprint("image", "create", "default/golden", "--from", "image.yaml")
    assert (result.exit_code, gateway.asked) == (3, [])
    assert "image.yaml:3: There is no 'min_disk' here" in result.stderr
    assert "hint: Is min_disk_gib meant?" in result.stderr
