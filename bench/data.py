"""``./dev bench data``: what the data plane costs, against what people would use instead (D1 to D11).

It makes its own disks once (a few minutes) and keeps them for the next run; every output's content is checked.
``--quick`` runs it all with small disks in one round: not to measure anything, but to see that the bench works.
"""

import argparse
import fcntl
import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import data_inputs, data_measures
from bench.data_inputs import FULL, GIB, MIB, QUICK, Cache, Scale
from bench.data_memory import memory
from bench.data_pods import Hub
from bench.data_stage import Stage
from bench.report import RESULTS, Figure, write

PARTS = ("copies", "fans", "imports", "large", "memory")


def measure(work: Path, cache: Cache, rounds: int, parts: Sequence[str], order: random.Random) -> list[Figure]:
    """All figures that were asked for, in the order of their ids."""
    figures: list[Figure] = []
    with Hub.running(work / "stage") as hub:
        stage = Stage(work, cache, hub)
        for name in cache.known.inputs:
            if name not in ("sparse", "huge"):
                stage.take(name)
        if "copies" in parts:
            figures += data_measures.copies(stage, rounds, order)
            figures += data_measures.counted(stage)
        if "imports" in parts:
            figures += data_measures.imports(stage, rounds, order)
        if "large" in parts:
            figures += data_measures.large(stage, rounds, order)
        if "fans" in parts:
            figures += data_measures.fans(stage, rounds, order)
        figures += data_measures.index_sizes(stage)
    if "memory" in parts:
        figures += memory(work, cache)
    return sorted(figures, key=lambda figure: (figure.id[0], int(figure.id[1:].partition("-")[0]), figure.id))


def described(cache: Cache) -> list[str]:
    """What the inputs are, for the Markdown."""
    known = cache.known
    found = [
        "Command: `./dev bench data`. Every output was compared with its input; sync is included on both sides.",
        f"The new disk differs from the old one in {known.changed:,} of {known.data:,} chunks of 64 KiB with data"
        f" ({known.changed / known.data:.1%}), or in {known.blocks / known.data / 16:.1%} of its blocks of 4 KiB: files"
        " in its ext4 were replaced, added and deleted in place.",
        "Sources, seeds and bases are in the page cache for everybody. One machine: the loopback has no latency, and"
        " both ends of a copy share its cores and its disk.",
        "Runs that are compared were made in the same minutes, each round in another order. Ratios are of medians;"
        " in brackets the smallest and the largest ratio of a round.",
        f"Machine: {os.cpu_count()} cores, {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / GIB:.0f} GiB of"
        f" memory, Linux {os.uname().release}.",
    ]
    found += [
        f"Input `{one.file}`: {one.size / MIB:,.0f} MiB, {one.used / MIB:,.0f} MiB of it on disk."
        for one in known.inputs.values()
    ]
    return found


def main() -> None:
    """Measure, write the results, print the table."""
    parser = argparse.ArgumentParser(prog="./dev bench data", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small disks, one round")
    parser.add_argument("--inputs", type=Path, help="where the disks are kept, and the bench works")
    parser.add_argument("--only", choices=PARTS, action="append", help="only these measures")
    parser.add_argument("--results", type=Path, help="a folder for the results, if not the one for whole runs")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which runs are made")
    given = parser.parse_args()
    scale = QUICK if given.quick else FULL
    folder = given.inputs or Path(tempfile.gettempdir()) / f"imprint-bench-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        parser.error(f"{folder} belongs to somebody else: name another folder with --inputs")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would measure each other
        run(parser, given, scale, folder)


def run(parser: argparse.ArgumentParser, given: argparse.Namespace, scale: Scale, folder: Path) -> None:
    """What was asked for, in a folder that is this run's alone."""
    for left in folder.glob("run-*"):  # by a run that was killed
        shutil.rmtree(left)
    room = scale.room - sum(file.stat().st_blocks * 512 for file in folder.glob(f"{scale.name}/*.*"))
    if shutil.disk_usage(folder).free < room:
        parser.error(f"{room / GIB:.0f} GiB must be free below {folder}: name another folder with --inputs")
    cache = data_inputs.inputs(folder, scale)
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder) as work:
        rounds = 1 if given.quick else given.rounds
        figures = measure(Path(work), cache, rounds, given.only or PARTS, random.Random(given.seed))
        whole = not given.quick and not given.only
        write("data", figures, described(cache), given.results or (RESULTS if whole else Path(work)))


if __name__ == "__main__":
    main()
