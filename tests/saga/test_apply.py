"""`imprint apply` and the commands around it, against a running house."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.server import Gateway, gateway
from harness.digests import sha256_of
from harness.house import TOKEN, House
from harness.signers import Signer
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHOLE = """
galleries:
  - name: saga
    description: First
    quota: {images: 20}
    soft_delete: {enabled: true, retention_days: 3}
namespaces:
  - name: hw
    properties: {cores: {type: integer}}
flavours:
  - name: thin
    models: [t-1, t-2]
images:
  - image: saga/desktop
    os_type: linux
    description: A desktop
    tags: {team: blue, old: "1"}
    details:
      vcpus: {min: 2, max: 8}
      end_of_life: 2037-01-31T22:00:00+01:00
      properties: {hw.cores: 4}
    versions:
      - number: 1.0
        source: {pod: pod-1, name: saga-vm}
        release_notes: First
        publish: {pods: [pod-1, pod-2]}
      - number: 1.1.0
        origin: saga/desktop:1.0.0
        exclude_from_latest: true
    markers: {prod: 1.0.0}
"""
CHANGED = {
    "description: First": "description: Second",
    "models: [t-1, t-2]": "models: [t-3]",
    "A desktop": "Another",
    'old: "1"': "old: null, new: x",
    "hw.cores: 4": "hw.cores: 8",
    "release_notes: First": "release_notes: Second",
    "[pod-1, pod-2]": "[pod-1, pod-3]",
    "exclude_from_latest: true": "publish: {select: {pod: [pod-1, pod-2]}}",
    "prod: 1.0.0": "prod: 1.1.0",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(home: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway(home.door_settings(tmp_path_factory.mktemp("gateway"))) as found:
        yield found


async def imprint(door: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imprint", *arguments, "--server", door.url]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "IMPRINT_TOKEN": TOKEN},
    )


async def test_a_file_is_brought_about_changed_and_found_settled_each_time(
    home: House, door: Gateway, tmp_path: Path
) -> None:
    home.site("pod-1").vm("saga-vm", raw(100, seed=7))
    file = tmp_path / "imprint.yaml"
    file.write_text(WHOLE)
    assert (await imprint(door, "apply", "-f", str(file), "--dry-run")).returncode == 6
    done = await imprint(door, "apply", "-f", str(file), "--yes", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("done: ") == 8
    again = await imprint(door, "apply", "-f", str(file), "--yes", "--wait")
    assert (again.returncode, "0 to create, 0 to change, 8 left alone\nNothing to do." in again.stdout) == (0, True)
    text = WHOLE
    for old, new in CHANGED.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    done = await imprint(door, "apply", "-f", str(file), "--yes", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 to create, 6 to change, 2 left alone" in done.stdout, done.stdout
    settled = await imprint(door, "apply", "-f", str(file), "--diff")
    assert settled.returncode == 0, settled.stdout
    file.write_text(text.replace("{pod: [pod-1, pod-2]}", "{pod: [pod-1, pod-2, pod-3]}"))
    done = await imprint(door, "apply", "-f", str(file), "--yes", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (await imprint(door, "apply", "-f", str(file), "--diff")).returncode == 0
    image = json.loads((await imprint(door, "image", "show", "saga/desktop", "-o", "json")).stdout)["image"]
    assert (image["tags"], image["description"]) == ({"team": "blue", "new": "x"}, "Another")
    history = json.loads((await imprint(door, "marker", "show", "saga/desktop", "prod", "-o", "json")).stdout)[
        "history"
    ]
    assert [move["number"] for move in history] == ["1.1.0", "1.0.0"]


async def test_a_pool_follows_its_marker_and_who_uses_what_is_told(home: House, door: Gateway) -> None:
    words = ("assignment", "create", "desks", "saga/desktop", "--marker", "prod", "--pod", "pod-1,pod-2", "--wait")
    done = await imprint(door, *words, "--seats", "2", "--host-name", "d-{n}", "--timeout", "50")
    assert done.returncode == 0, done.stdout + done.stderr
    done = await imprint(door, "assignment", "seats", "desks", "-o", "json")
    assert len(json.loads(done.stdout)) == 4
    done = await imprint(door, "image", "users", "saga/desktop:1.1.0")
    assert done.stdout.count("desks") == 2, done.stdout + done.stderr
    done = await imprint(door, "image", "delete", "saga/desktop:1.1.0")
    assert done.returncode == 3
    done = await imprint(door, "assignment", "delete", "desks", "--wait", "--timeout", "50")
    assert done.returncode == 0, done.stdout + done.stderr


LINES = [
    "gallery list",
    "gallery show saga",
    "gallery edit saga --set quota.versions=50 --set description=Third",
    "quota show",
    "quota set default --most-images 500",
    "flavour list",
    "flavour set thick --model t-9",
    "flavour drop thick",
    "namespace list",
    "image create saga/other --os-type linux --tag team=red --min-disk 10 --property note=x --security-type Standard",
    "image edit saga/other --set details.project=lab --if-match 1",
    "image tag saga/other --set team=green --remove none",
    "image list --gallery saga --tag team --where os_type=linux --where min_versions=0 --sort -created --text other",
    "image versions saga/desktop --where source_kind=vm --sort created",
    "image show saga/desktop:1.0.0",
    "image lineage saga/desktop:1.1.0",
    "image lineage saga/desktop:1.1.0 --where max_depth=1 --sort -depth",
    "image users saga/desktop:1.1.0 --where pod=pod-1 --where min_seats=1 --sort -last_used",
    "image deactivate saga/desktop:1.0.0",
    "image reactivate saga/desktop:1.0.0",
    "certificate list",
    "image validate saga/desktop:1.0.0 boot succeeded --tool saga",
    "image edit saga/desktop:1.0.0 --set hidden=true",
    "image protect saga/other --cool-down 0",
    "image unprotect saga/other",
    "image deprecate saga/desktop:1.0.0 --replacement 1.1.0",
    "image deprecate saga/desktop:1.0.0 --undo",
    "image disable saga/desktop:1.0.0",
    "image enable saga/desktop 1.0.0",
    "retention set old --action delete --keep-newest 1 --gallery saga",
    "retention preview old",
    "retention run old",
    "retention list",
    "retention delete old",
    "marker rollback saga/desktop prod",
    "marker set saga/desktop:1.1.0 prod --ring pod-1 --ring pod=pod-2",
    "marker set saga/desktop:1.0.0 canary",
    "marker list saga/desktop --where frozen=false --where min_revision=1 --sort -number",
    "marker delete saga/desktop canary",
    "image delete saga/desktop:1.0.0 --wait",
    "image restore saga/desktop:1.0.0",
    "image import saga/other --from-version saga/desktop:1.0.0 --number 3.1 --release-notes x --existing --wait",
    "image delete saga/other 3.1.0 --for-good --wait",
    "job list --kind delete --where gallery=saga --sort created",
    "assignment list --pod pod-1 --state IN_SYNC",
    "pod vms pod-1",
]


async def test_b13_b14_a_signed_and_compressed_file_becomes_a_version_that_holds_what_was_signed(
    home: House, door: Gateway, tmp_path: Path
) -> None:
    content, signer = raw(10, seed=9), Signer()
    home.site("pod-1").file("packed.gz", gzip.compress(content, 1))
    (tmp_path / "vendor.pem").write_text(signer.pem)
    done = await imprint(door, "certificate", "set", "vendor", str(tmp_path / "vendor.pem"))
    assert done.returncode == 0, done.stdout + done.stderr
    words = ("image", "import", "saga/signed", "--pod", "pod-1", "--file", "packed.gz", "--wait", "--timeout", "50",
             "--plugin", "image_decompression", "--certificate", "vendor", "--key-type", "ECC_SECP384R1",
             "--signature", str(tmp_path / "signature"))  # fmt: skip
    (tmp_path / "signature").write_bytes(signer.sign(content + b"x"))
    done = await imprint(door, *words)
    assert (done.returncode, "image_signature_invalid" in done.stderr) == (1, True), done.stdout + done.stderr
    (tmp_path / "signature").write_bytes(signer.sign(content))
    done = await imprint(door, *words, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads((await imprint(door, "image", "show", "saga/signed:1.0.0", "-o", "json")).stdout)["version"]
    assert shown["manifest"]["disks"][0]["sha256"] == sha256_of(content)
    assert shown["signature"]["certificate"] == "vendor"
    told = await imprint(door, "job", "show", json.loads(done.stdout)["id"])
    assert "source.stepped" in told.stdout, told.stdout + told.stderr


async def test_a_house_answers_every_command_about_its_catalog(home: House, door: Gateway) -> None:
    for line in LINES:
        done = await imprint(door, *line.split(), "-o", "json")
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert json.loads(done.stdout) is not None, line


async def test_the_audit_log_of_all_that_is_verified(home: House, door: Gateway) -> None:
    done = await imprint(door, "admin", "audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    known = done.stdout.splitlines()[-1]
    assert (await imprint(door, "gallery", "create", "more")).returncode == 0
    assert (await imprint(door, "admin", "audit", "verify", "--known", known)).returncode == 0
    shown = await imprint(door, "audit", "list")
    assert "create_gallery" in shown.stdout, shown.stdout
