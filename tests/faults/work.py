"""``python -m faults.work``: one import or copy in a process of its own, which a test may starve, trip up or kill.

It reads the order from stdin and does what a connector's runner does with a task, up to the word about its outcome.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import structlog

from connector.backends.directory import DirectoryBackend
from connector.copying import Parts, make
from connector.domain.tasks import Copy, Discard, Import
from connector.failures import Cancel, failure_of
from connector.formats.gate import MAX_VIRTUAL_SIZE
from connector.importing import prepare
from connector.progress import Meter
from connector.removing import discard
from connector.transfer.throttle import Throttles
from connector.transfer.wire import Wire
from contracts.errors import Failure
from contracts.limits import Limits
from contracts.manifest import Manifest

THREADS = 2


class Order(msgspec.Struct, kw_only=True):
    """What to do in the pod in the folder ``pod``; ``rate`` bounds the bytes a second that are received."""

    pod: str
    task: Import | Copy
    rate: int | None = None


class Outcome(msgspec.Struct, kw_only=True):
    """How it ended: a failure, or what was made; ``network`` and ``reused`` in bytes."""

    failure: Failure | None = None
    manifest: Manifest | None = None
    network: int = 0
    reused: int = 0


def carried_out(order: Order) -> Outcome:
    """Carry the order out; every failure becomes what the hub would be told."""
    try:
        backend = DirectoryBackend(Path(order.pod))
    except OSError as error:
        return Outcome(failure=failure_of(error, "open"))
    task = order.task
    meter = Meter(task.version, task.version, lambda _: None)
    try:
        if isinstance(task, Import):
            return Outcome(manifest=prepare(backend, task, MAX_VIRTUAL_SIZE, meter, Cancel()).manifest)
        throttles = Throttles(Limits(receive=order.rate))
        parts = Parts(pod=Path(order.pod).name, wire=Wire("plain"), throttles=throttles, threads=THREADS)
        made = make(backend, task, meter, Cancel(), lambda _: None, parts)
        return Outcome(manifest=made.placed.item.manifest, network=made.network, reused=made.reused)
    except Exception as error:  # noqa: BLE001 - as in the runner
        failure = failure_of(error, "import" if isinstance(task, Import) else "copy")
        structlog.get_logger().warning("failed", exc_info=error)
        undo(backend, task, failure)
        return Outcome(failure=failure, network=meter.network, reused=meter.reused)


def undo(backend: Any, task: Import | Copy, failure: Failure) -> None:
    """What the runner does before it tells of a failure."""
    if isinstance(task, Import):
        discard(backend, Discard(version=task.version, saga=task.saga))
    elif not failure.retry:
        backend.abandon(task.version)


def main() -> None:
    """Carry out the one order, and say the outcome."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    outcome = carried_out(order)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
