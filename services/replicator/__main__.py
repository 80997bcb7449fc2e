"""The replicator as a process: ``python -m replicator``."""

from replicator.definition import definition
from replicator.guard import guarding
from replicator.settings import ReplicatorSettings
from runtime.service import run
from runtime.settings import load


def main() -> None:
    """Read the environment and run until SIGTERM."""
    settings = load(ReplicatorSettings)
    run(definition(settings), settings, guarding)


if __name__ == "__main__":
    main()
