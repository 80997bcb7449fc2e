"""``python -m catalog``: the catalog as a process, set up by its environment (``IMPRINT_…``)."""

import sys

from runtime.lean import leave_out

leave_out("aiohttp", "rich", "uvicorn")  # before anything imports them

from catalog.definition import definition  # noqa: E402
from catalog.settings import CatalogSettings  # noqa: E402
from runtime.service import run  # noqa: E402
from runtime.settings import SettingsError, load  # noqa: E402
from runtime.signing import KeyFileError  # noqa: E402


def main() -> None:
    """Run the catalog until SIGTERM or SIGINT."""
    try:
        settings = load(CatalogSettings)
        made = definition(settings)
    except (SettingsError, KeyFileError) as error:
        sys.exit(f"catalog: {error}")
    run(made, settings)


if __name__ == "__main__":
    main()
