"""``python -m sharing``: sharing as a process, set up by its environment (``IMPRINT_…``)."""

import sys

from runtime.lean import leave_out

leave_out("aiohttp", "rich", "uvicorn")  # before anything imports them

from runtime.service import run  # noqa: E402
from runtime.settings import SettingsError, load  # noqa: E402
from sharing.definition import definition  # noqa: E402
from sharing.settings import SharingSettings  # noqa: E402


def main() -> None:
    """Run sharing until SIGTERM or SIGINT."""
    try:
        settings = load(SharingSettings)
        made = definition(settings)
    except SettingsError as error:
        sys.exit(f"sharing: {error}")
    run(made, settings)


if __name__ == "__main__":
    main()
