"""``python -m sharing``: sharing as a process, set up by its environment (``IMPRINT_…``)."""

from runtime.service import run
from runtime.settings import load
from sharing.definition import definition
from sharing.settings import SharingSettings


def main() -> None:
    """Run sharing until SIGTERM or SIGINT."""
    settings = load(SharingSettings)
    run(definition(settings), settings)


if __name__ == "__main__":
    main()
