"""The measures D1 to D11: what is run against what, and the figures made of it."""

import hashlib
import os
import random
import time
from collections.abc import Callable, Sequence

from blake3 import blake3

from bench.data_inputs import GIB, MIB
from bench.data_peers import Taken
from bench.data_pods import Pod
from bench.data_stage import Run, Stage, interleaved, relay
from bench.report import Figure, median

CONTAINERS = {
    "raw": ("old", "new"),
    "qcow2": ("old.qcow2", "new-rewritten.qcow2"),
    "vhd": ("old.vhd", "new.vhd"),
    "qcow2-in-place": ("old.qcow2", "new.qcow2"),
}
"""Pairs of old and new: patched in place, but for the qcow2 that was rewritten by qemu-img convert."""
TITLES = {
    "raw": "raw, patched in place",
    "qcow2": "qcow2, rewritten by qemu-img convert",
    "vhd": "VHD, patched in place",
    "qcow2-in-place": "qcow2, patched in place",
}

COUNTED = 1
"""Rounds of what is only counted: the bytes of a delta are the same each time but for the order of requests."""

Taking = dict[str, list[Taken]]


def ratio(id: str, measure: str, reach: str, baseline: str, ours: Sequence[float], theirs: Sequence[float], unit: str,
          note: str) -> Figure:  # fmt: skip
    """The median of ours over the median of theirs; the spread is that of the rounds' own ratios."""
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    mine, others = median(list(ours)), median(list(theirs))
    return Figure(
        id=id,
        measure=measure,
        value=float(f"{mine / others:.4g}"),
        unit="x",
        reach=reach,
        baseline=baseline,
        rounds=len(each),
        spread=(min(each), max(each)),
        note=f"{_said(mine, unit)} against {_said(others, unit)}. {note}",
    )


def _said(value: float, unit: str) -> str:
    return f"{value / MIB:,.2f} MiB" if unit == "B" else f"{value:.2f} {unit}"


def walls(taken: list[Taken]) -> list[float]:
    return [one.wall for one in taken]


def cpus(taken: list[Taken]) -> list[float]:
    return [one.cpu for one in taken]


def wires(taken: list[Taken]) -> list[float]:
    return [float(one.wire) for one in taken]


def copies(stage: Stage, rounds: int, order: random.Random) -> list[Figure]:
    """D1 to D5 and D9: copies to one pod, full and as a delta."""
    empty = stage.hub.pod("empty")
    held: dict[str, Pod] = {}
    for old, _ in CONTAINERS.values():
        if old not in held:
            held[old] = stage.hub.pod(f"held-{len(held)}")
            held[old].copy(stage.versions[old], [stage.source.holder()])
    runs: dict[str, Run] = {
        "cp old": stage.cp("old"),
        "full https": stage.copy(empty, "old"),
        "full http": stage.copy(empty, "old", tls=False),
        "cp new": stage.cp("new"),
        "delta https": stage.copy(held["old"], "new"),
        "delta http": stage.copy(held["old"], "new", tls=False),
        "rsync new": stage.rsync("old", "new"),
    }
    counted: dict[str, Run] = {}
    for name, (old, new) in CONTAINERS.items():
        counted[f"rsync {name}"] = stage.rsync(old, new)
        counted[f"plain {name}"] = stage.copy(held[old], new, wire="plain")
        counted[f"zstd {name}"] = stage.copy(held[old], new, wire="zstd")
    taken = interleaved(runs, rounds, order)
    taken |= interleaved(counted, min(rounds, COUNTED), order)
    for pod in (empty, *held.values()):
        pod.close()
    return [*_full(taken), *_delta(taken), *_wire(taken)]


def _full(taken: Taking) -> list[Figure]:
    """D1 and D9."""
    found = []
    for suffix, run, way in (("", "full https", "HTTPS"), ("-http", "full http", "plain HTTP")):
        found.append(
            ratio(
                f"D1{suffix}", f"full verified copy of the raw disk to one pod over {way}, wall", "<= 1.25 x",
                "cp + sync of the same file", walls(taken[run]), walls(taken["cp old"]), "s",
                "Limited by writing to the disk, and by two ends of a connection sharing two cores."
                if suffix
                else "Limited by TLS: about 0.8 s of CPU for each GB at each end, and both ends share two cores.",
            )
        )  # fmt: skip
        found.append(
            ratio(
                f"D9{suffix}", f"CPU of the receiving pod for that copy over {way}", "<= 1.5 x",
                "CPU of cp + sync", cpus(taken[run]), cpus(taken["cp old"]), "s",
                f"Limited by receiving from a socket{'' if suffix else ', decrypting'} and hashing, which cp need not.",
            )
        )  # fmt: skip
    return found


def _delta(taken: Taking) -> list[Figure]:
    """D2 and D3."""
    found = []
    for suffix, run, way in (("", "delta https", "HTTPS"), ("-http", "delta http", "plain HTTP")):
        found.append(
            ratio(
                f"D2{suffix}", f"delta copy of the raw disk into a new file over {way}, wall", "<= 1.1 x",
                "cp + sync of the whole new file", walls(taken[run]), walls(taken["cp new"]), "s",
                "Limited by writing the whole new file to the disk; the network carries only what changed.",
            )
        )  # fmt: skip
        found.append(
            ratio(
                f"D3{suffix}", f"delta copy of the raw disk over {way}, wall", "<= 0.3 x",
                "rsync writing a new file, and sync", walls(taken[run]), walls(taken["rsync new"]), "s",
                "Limited by the same writing; rsync hashes both files anew, holes included.",
            )
        )  # fmt: skip
    return found


def _wire(taken: Taking) -> list[Figure]:
    """D4 and D5."""
    found = []
    for id, run, reach, how, limit in (
        ("D4", "plain", "<= 1.1 x", "without compression", "the chunk: of 64 KiB in which 4 KiB changed, all are sent"),
        ("D5", "zstd", "<= 0.4 x", "with zstd", "how far the changed content shrinks"),
    ):
        for name, title in TITLES.items():
            found.append(
                ratio(
                    f"{id}-{name}", f"bytes on the wire for a delta {how}: {title}", reach,
                    "rsync's bytes, sent and received, -z off", wires(taken[f"{run} {name}"]),
                    wires(taken[f"rsync {name}"]), "B", f"Limited by {limit}; the index is counted.",
                )
            )  # fmt: skip
    return found


def counted(stage: Stage) -> list[Figure]:
    """Whether the connector counts what really travels: a relay in front of the door counts too."""
    found = []
    for tls in (False, True):
        pod = stage.hub.pod(f"counted-{int(tls)}")
        address = stage.source.addresses.https if tls else stage.source.addresses.http
        with relay(address) as between:
            taken = stage.copy(pod, "old.qcow2", tls=tls, wire="plain", address=between.address)()
            to_door, from_door = between.counted()
        pod.close()
        found.append(
            Figure(
                id=f"D4-check-{'https' if tls else 'http'}",
                measure="all bytes that passed a relay in a full copy, both ways, over what the connector counted",
                value=float(f"{(to_door + from_door) / taken.wire:.5g}"),
                unit="x",
                reach="for comparison",
                baseline="bytes that the connector counted",
                rounds=1,
                note="The rest is requests and the framing of HTTP" + (" and TLS." if tls else "."),
            )
        )
    return found


def fans(stage: Stage, rounds: int, order: random.Random, few: int = 3, many: int = 8) -> list[Figure]:
    """D6 and D7: several pods at once."""
    pods = [stage.hub.pod(f"fan-{number}") for number in range(many)]
    taken = interleaved({"cp": stage.cp("old", few), "ours": stage.fan(pods[:few], "old")}, rounds, order)
    left: list[float] = []
    with relay(stage.source.addresses.https) as between:
        fan = stage.fan(pods, "old.qcow2", wire="plain", address=between.address)
        for round_ in range(rounds):
            fan()
            left.append(between.counted()[1] / stage.cache["old.qcow2"].size)
            print(f"  {round_ + 1}/{rounds} {many} pods: {left[-1]:.3f}", flush=True)
    for pod in pods:
        pod.close()
    return [
        ratio(
            "D6", f"full copy of the raw disk to {few} pods at once, wall", "<= 1.3 x", f"{few} parallel cp + sync",
            walls(taken["ours"]), walls(taken["cp"]), "s",
            "Limited by the cores: three receivers that also serve each other encrypt and decrypt on two of them.",
        ),
        Figure(
            id="D7",
            measure=f"bytes that leave the source pod for {many} pods, of the image's bytes (qcow2, no compression)",
            value=median(left),
            unit="x",
            reach="<= 1.3 x",
            baseline="bytes of the image; a relay in front of the source's door counts",
            rounds=rounds,
            spread=(min(left), max(left)),
            note="Limited by spans that two pods ask the source for before they know of each other's.",
        ),
    ]  # fmt: skip


def imports(stage: Stage, rounds: int, order: random.Random) -> list[Figure]:
    """D8: import against hashing alone."""
    pod = stage.hub.pod("importer")

    def ours() -> Taken:
        stage.warm("old")
        version, taken = stage.imported(pod, "old")
        pod.drop(version.id)
        return taken

    runs: dict[str, Run] = {
        "import": ours,
        "sha256": lambda: _hashed(stage, "old", lambda: hashlib.sha256()),
        "blake3": lambda: _hashed(stage, "old", lambda: blake3(max_threads=1)),
    }
    taken = interleaved(runs, rounds, order)
    pod.close()
    slower = max(("sha256", "blake3"), key=lambda name: median(walls(taken[name])))
    return [
        ratio(
            "D8", "import of the raw disk (read, gate, BLAKE3 index, SHA-256, and the library's own copy), wall",
            "<= 1.3 x", f"{slower} alone over the same file, one thread", walls(taken["import"]), walls(taken[slower]),
            "s", f"Limited by {slower}, which no second core can share; the copy is written meanwhile.",
        )
    ]  # fmt: skip


def _hashed(stage: Stage, name: str, new: Callable[[], object]) -> Taken:
    """Read a file in order, as it is, and hash it."""
    stage.warm(name)
    view = memoryview(bytearray(MIB))
    found = new()
    start, cpu = time.perf_counter(), time.process_time()
    with stage.cache.path(name).open("rb", buffering=0) as file:
        while got := file.readinto(view):
            found.update(view[:got])  # type: ignore[attr-defined]
    return Taken(time.perf_counter() - start, time.process_time() - cpu)


def large(stage: Stage, rounds: int, order: random.Random) -> list[Figure]:
    """Cost follows the used bytes: the same files on a disk eight times as large."""
    taken_in = stage.take("sparse")
    pod = stage.hub.pod("large")
    taken = interleaved(
        {"cp": stage.cp("sparse"), "ours": stage.copy(pod, "sparse"), "small": stage.copy(pod, "old")}, rounds, order
    )
    pod.close()
    alone = _hashed(stage, "sparse", lambda: hashlib.sha256())
    size = f"{stage.cache['sparse'].size / GIB:.0f} GiB"
    return [
        ratio(
            "L1", f"full verified copy of the {size} sparse disk over HTTPS, wall", "<= 1.25 x",
            "cp + sync of the same file", walls(taken["ours"]), walls(taken["cp"]), "s",
            "Limited by TLS, as D1.",
        ),
        ratio(
            "L2", f"full copy of the {size} sparse disk against that of the disk of D1 with the same files, wall",
            "about 1 x", "our copy of the small disk", walls(taken["ours"]), walls(taken["small"]), "s",
            "Limited by the used bytes, of which a larger file system has a little more.",
        ),
        Figure(
            id="L3",
            measure=f"import of the {size} sparse disk, wall",
            value=float(f"{taken_in.wall:.4g}"),
            unit="s",
            reach="for comparison",
            baseline=f"SHA-256 alone over the same file, holes read: {alone.wall:.1f} s",
            rounds=1,
            note="Limited by SHA-256, which has to go over every zero of the holes; it hashes them from memory.",
        ),
    ]  # fmt: skip


def index_sizes(stage: Stage) -> list[Figure]:
    """D11."""
    shares = {
        name: os.stat(stage.source.index(version.id)).st_size / stage.cache[name].used
        for name, version in stage.versions.items()
    }
    worst = max(shares, key=lambda name: shares[name])
    return [
        Figure(
            id="D11",
            measure="bytes of the index, of the bytes that the disk's file takes, the worst of all disks",
            value=float(f"{shares[worst] * 100:.4g}"),
            unit="%",
            reach="<= 0.06 %",
            baseline="bytes allocated to the file",
            rounds=1,
            spread=(min(shares.values()) * 100, shares[worst] * 100),
            note=f"{worst}. Limited by the digest: 32 bytes for 64 KiB are 0.049 %.",
        )
    ]
