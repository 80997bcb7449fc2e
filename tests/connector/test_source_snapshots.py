"""A clone with a snapshot: made after the VM was read, kept with the version, gone with an import that was given up."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from pods import Pod, allocated, sparse

from connector import importing
from connector.backends import snapshots
from connector.domain.tasks import Discard, Import
from connector.failures import Cancel, Cancelled, Refused
from connector.importing import prepare
from connector.removing import discard
from contracts.manifest import Source

Pods = Callable[..., Pod]
CONTENT = b"\3" * 204_800


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1", door=False)


@pytest.fixture
def task(pod: Pod) -> Import:
    """The import of a VM with two disks, of which the OS disk alone becomes a version."""
    folder = pod.folder / "vms" / "golden"
    folder.mkdir()
    (folder / "os.raw").write_bytes(CONTENT)
    sparse(folder / "data.raw", 30_720_000, (1_000_000, b"data"))
    disks = [
        {"file": "os.raw", "format": "raw", "role": "os", "lun": 0},
        {"file": "data.raw", "format": "raw", "role": "data", "lun": 1},
    ]
    described = {"name": "golden", "os_type": "linux", "generation": "V2", "disks": disks}
    (folder / "vm.json").write_text(json.dumps(described))
    return pod.import_task(Source(pod=pod.name, kind="vm", name="golden", disks="os"), snapshot="before")


def names(pod: Pod) -> list[str]:
    return sorted(path.name for path in (pod.folder / "snapshots").iterdir())


def given_up(pod: Pod, task: Import) -> None:
    discard(pod.backend, Discard(version=task.version, saga="", given_up=True))
    assert pod.leftovers() == []


def test_b2_a_snapshot_has_all_disks_of_the_vm_and_can_be_imported_itself(pod: Pod, task: Import) -> None:
    made = pod.prepare(task)
    assert made.warnings == ()
    folder = pod.folder / "snapshots" / "before"
    assert sorted(path.name for path in folder.iterdir()) == [".import", "data.raw", "os.raw", "vm.json"]
    assert (folder / "os.raw").read_bytes() == CONTENT
    assert (folder / "data.raw").read_bytes() == (pod.folder / "vms/golden/data.raw").read_bytes()
    assert allocated(folder / "data.raw") < 2_000_000, "holes stay holes"
    again = pod.prepare(pod.import_task(Source(pod=pod.name, kind="snapshot", name="before")))
    assert [disk.role for disk in again.manifest.disks] == ["os", "data"]
    assert json.loads((folder / "vm.json").read_text())["generation"] == "V2"


def test_b2_without_being_asked_there_is_none(pod: Pod, task: Import) -> None:
    pod.prepare(pod.import_task(task.source))
    assert names(pod) == []


def test_b2_a_name_that_is_taken_is_refused_before_a_byte_moves(pod: Pod, task: Import) -> None:
    (pod.folder / "snapshots" / "before").mkdir()
    (pod.folder / "snapshots" / "before" / "mine").write_bytes(b"1")
    with pytest.raises(Refused) as refusal:
        pod.prepare(task)
    assert refusal.value.failure.code == "snapshot_exists"
    assert list(pod.folder.glob("datastores/*/staging/*")) == []
    given_up(pod, task)
    assert (pod.folder / "snapshots" / "before" / "mine").read_bytes() == b"1"


def test_a_snapshot_stays_when_its_version_is_deleted_later(pod: Pod, task: Import) -> None:
    pod.prepare(task)
    discard(pod.backend, Discard(version=task.version, saga=""))
    assert pod.backend.items() == []
    assert names(pod) == ["before"]


def test_i2_an_import_that_is_given_up_once_it_is_done_leaves_no_snapshot(pod: Pod, task: Import) -> None:
    pod.prepare(task)
    given_up(pod, task)
    assert (pod.backend.items(), names(pod)) == ([], [])


@pytest.mark.parametrize("point", ["import.copied", "import.snapshot", "import.renamed"])
def test_an_import_that_was_killed_goes_on_and_has_one_snapshot(
    pod: Pod, task: Import, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def crash(at: str) -> None:
        if at == point:
            raise KilledError

    monkeypatch.setattr(importing, "crash_at", crash)
    with pytest.raises(KilledError):
        pod.prepare(task)
    monkeypatch.undo()
    made = pod.prepare(task)
    assert made.warnings == ()
    assert names(pod) == ["before"]


def test_a_snapshot_of_an_earlier_state_is_made_anew(pod: Pod, task: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    class KilledError(BaseException):
        pass

    def crash(at: str) -> None:
        if at == "import.snapshot":
            raise KilledError

    monkeypatch.setattr(importing, "crash_at", crash)
    with pytest.raises(KilledError):
        pod.prepare(task)
    monkeypatch.undo()
    newer = CONTENT[:-1] + b"!"
    (pod.folder / "vms" / "golden" / "os.raw").write_bytes(newer)
    pod.prepare(task)
    assert (pod.folder / "snapshots" / "before" / "os.raw").read_bytes() == newer
    assert pod.disk(pod.backend.find(task.version)).read_bytes() == newer


@pytest.mark.parametrize("point", ["import.copied", "import.snapshot"])
def test_an_import_that_is_given_up_leaves_no_snapshot(
    pod: Pod, task: Import, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(at: str) -> None:
        if at == point:
            raise Cancelled

    monkeypatch.setattr(importing, "crash_at", crash)
    with pytest.raises(Cancelled):
        pod.prepare(task)
    given_up(pod, task)
    assert names(pod) == []
    assert (pod.folder / "vms" / "golden" / "os.raw").read_bytes() == CONTENT


def test_where_no_snapshot_can_be_made_the_version_is_there_and_a_warning_says_so(
    pod: Pod, task: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots, "copied", full)
    made = pod.prepare(task)
    assert pod.backend.find(task.version) is not None
    (warning,) = made.warnings
    assert warning.startswith("snapshot_failed")
    assert names(pod) == []


def test_cancelling_stops_a_snapshot_between_its_disks(pod: Pod, task: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = Cancel()
    copied = snapshots.copied

    def cancelling(*arguments: Any) -> None:
        copied(*arguments)
        cancel.set()

    monkeypatch.setattr(snapshots, "copied", cancelling)
    with pytest.raises(Cancelled):
        prepare(pod.backend, task, 1 << 41, pod.meter(), cancel)
    given_up(pod, task)
    assert names(pod) == []


@pytest.mark.parametrize("mark", [b"{", b"\xff", b'{"version": 1}', b'{"x":' + b"[" * 100_000, b"x" * 2_000_000])
def test_a_mark_that_cannot_be_read_is_nobodys_and_stops_no_import(pod: Pod, task: Import, mark: bytes) -> None:
    (pod.folder / "snapshots" / "other").mkdir()
    (pod.folder / "snapshots" / "other" / ".import").write_bytes(mark)
    pod.prepare(task)
    given_up(pod, task)
    assert names(pod) == ["other"]


def test_what_a_crash_left_of_a_snapshot_is_swept_away_at_start(pod: Pod, task: Import) -> None:
    for version in (task.version, "0" * 32):
        os.mkdir(pod.folder / "snapshots" / f".new-{version}")
    pod.backend.sweep([task.version])
    assert names(pod) == [f".new-{task.version}"]
