"""``./dev bench control``: what the control plane costs, against this machine's own best in the same run (K1 to K6).

Everything under ``sync_interval: always`` (acknowledged is on disk); the default sync stands beside it for comparison.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import transactions
from bench.installed import idle_publishes, memory, start_up
from bench.processes import Running, nats_server
from bench.rawhop import prepare
from bench.report import RESULTS, Figure, median, percentile, write
from bench.sagas import Bench

PODS = 3


def raw_hop(server: Running, url: str, count: int) -> tuple[float, float]:
    """Events a second and CPU microseconds per event of the raw hop, server included."""
    asyncio.run(prepare(url))
    environment = {**os.environ, "IMPRINT_NATS_URL": url}
    pair = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.rawhop", role, str(count)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for role in ("consume", "publish")
    ]  # fmt: skip
    before = server.cpu()
    for one in pair:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [json.loads(one.communicate()[0]) for one in pair]
    used = sum(one["cpu"] for one in said) + server.cpu() - before
    return count / max(one["wall"] for one in said), used / count * 1e6


async def saga_round(bench: Bench, server: Running, round_: int, count: int) -> tuple[float, float]:
    """One round of publishes of fresh versions."""
    image = f"default/round-{round_}"
    return await bench.publish(image, await bench.import_versions(image, count), server)


def compare(sync: str, rounds: int, sagas: int) -> tuple[list[float], list[float], list[float]]:
    """Ratios of CPU per event and of events a second, raw hop and saga alternating; and the saga's events a second."""
    costs, rates, absolute = [], [], []
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as name:
        folder = Path(name)
        with nats_server(folder, sync) as (server, url), asyncio.Runner() as runner:
            running = Bench.running(folder, url, PODS)
            bench = runner.run(running.__aenter__())
            try:
                for round_ in range(rounds):
                    raw: tuple[float, float] | None = None
                    if round_ % 2:
                        raw = raw_hop(server, url, sagas * 20)
                    saga = runner.run(saga_round(bench, server, round_, sagas))
                    raw = raw or raw_hop(server, url, sagas * 20)
                    costs.append(raw[1] / saga[1])
                    rates.append(saga[0] / raw[0])
                    absolute.append(saga[0])
                    split = ", ".join(f"{name} {spent:.0f}" for name, spent in bench.split.items())
                    print(
                        f"  {sync}: raw {raw[0]:.0f}/s {raw[1]:.0f} us, saga {saga[0]:.0f}/s {saga[1]:.0f} us ({split})"
                    )
            finally:
                runner.run(running.__aexit__(None, None, None))
    return costs, rates, absolute


def main() -> None:
    """Measure, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sagas", type=int, default=300, help="publishes a round")
    parser.add_argument("--idle", type=int, default=60, help="idle publishes for K3")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are left")
    given = parser.parse_args()
    figures = []
    for sync in ("always", "default"):
        costs, rates, absolute = compare(sync, given.rounds, given.sagas)
        suffix = "" if sync == "always" else ".default_sync"
        note = f"saga: {median(absolute):,.0f} events/s; sync_interval: {sync}"
        figures += [
            Figure(
                id=f"K1{suffix}",
                measure="CPU per event of the raw hop over CPU per event of the publish saga, server included",
                value=median(costs),
                reach=">= 0.5" if sync == "always" else "for comparison",
                baseline="raw publish-consume-ack hop, same server",
                rounds=given.rounds,
                spread=(min(costs), max(costs)),
                note=note,
            ),
            Figure(
                id=f"K2{suffix}",
                measure="saga events/s over raw hop events/s",
                value=median(rates),
                reach=">= 0.5" if sync == "always" else "for comparison",
                baseline="raw publish-consume-ack hop, same server",
                rounds=given.rounds,
                spread=(min(rates), max(rates)),
                note=note,
            ),
        ]
    took, resident = asyncio.run(idle_publishes(given.idle))
    figures.append(
        Figure(
            id="K3",
            measure="idle publish of a tiny image to three pods with real connectors, command to AVAILABLE, p50 / p99",
            value=f"{percentile(took, 0.5) * 1000:.1f} / {percentile(took, 0.99) * 1000:.1f}",
            unit="ms",
            reach="<= 25 / 60 ms",
            baseline="none",
            rounds=len(took),
        )
    )
    figures += memory(resident)
    figures.append(start_up(given.rounds))
    figures.append(transactions.measure(given.rounds))
    write(
        "control",
        figures,
        ["Under `sync_interval: always` unless a row says default_sync; command: `./dev bench control`."],
        given.results,
    )


if __name__ == "__main__":
    main()
