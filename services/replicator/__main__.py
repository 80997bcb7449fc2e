"""The replicator as a process: ``python -m replicator``."""

from runtime.lean import leave_out

leave_out("aiohttp", "rich", "uvicorn")  # before anything imports them

from replicator.definition import definition  # noqa: E402
from replicator.guard import guarding  # noqa: E402
from replicator.settings import ReplicatorSettings  # noqa: E402
from runtime.service import run  # noqa: E402
from runtime.settings import load  # noqa: E402


def main() -> None:
    """Read the environment and run until SIGTERM."""
    settings = load(ReplicatorSettings)
    run(definition(settings), settings, guarding)


if __name__ == "__main__":
    main()
