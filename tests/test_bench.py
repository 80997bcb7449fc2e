"""The benches run: with small inputs and one round, so that nothing is measured and everything is tried."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("qemu-img", "qemu-io", "mke2fs", "debugfs", "e2fsck", "rsync")
MISSING = [tool for tool in TOOLS if shutil.which(tool, path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin") is None]
WANTED = {"D1", "D2", "D3", "D6", "D7", "D8", "D9", "D10", "D11"} | {
    f"{id}-{container}" for id in ("D4", "D5") for container in ("raw", "qcow2", "vhd")
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_the_bench_of_the_data_plane_gives_every_figure_and_counts_what_travels(tmp_path: Path) -> None:
    results = tmp_path / "results"
    command = [sys.executable, "-m", "bench.data", "--quick", "--inputs", str(tmp_path), "--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {row["id"]: row for row in json.loads((results / "data.json").read_text())}
    assert rows.keys() >= WANTED
    assert all({"measure", "value", "reach", "baseline", "rounds"} <= row.keys() for row in rows.values())
    for way in ("http", "https"):  # a relay in front of the door saw what the connector counted, and little more
        assert 1 <= rows[f"D4-check-{way}"]["value"] < 1.02
    assert "| D1 |" in (results / "data.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("control", ("--rounds", "1", "--sagas", "20", "--idle", "3"), ("K1", "K2", "K3", "K4", "K5", "K6")),
        ("replicator", ("--quick",), ("R1", "R2", "R3", "R4", "R5")),
        ("catalog", ("--quick",), ("C1", "C2", "C3", "C4")),
        ("sharing", ("--quick",), ("S1", "S2", "S3", "S4")),
    ],
)
def test_the_benches_of_the_hub_give_every_figure(
    tmp_path: Path, name: str, arguments: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", f"bench.{name}", *arguments, "--results", str(tmp_path / "results")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {row["id"]: row for row in json.loads((tmp_path / "results" / f"{name}.json").read_text())}
    assert rows.keys() >= set(wanted)
    assert all({"measure", "value", "reach", "baseline", "rounds"} <= row.keys() for row in rows.values())
