"""``python -m notifier``: the notifier as a process, set up by its environment (``IMPRINT_…``)."""

from runtime.lean import leave_out

leave_out("aiohttp", "rich", "uvicorn")  # before anything imports them

from functools import partial  # noqa: E402

from notifier.couriers import delivering  # noqa: E402
from notifier.definition import definition  # noqa: E402
from notifier.housekeeping import keeping_house  # noqa: E402
from notifier.settings import NotifierSettings  # noqa: E402
from runtime.service import run  # noqa: E402
from runtime.settings import load  # noqa: E402


def main() -> None:
    """Run the notifier until SIGTERM or SIGINT."""
    settings = load(NotifierSettings)
    run(definition(settings), settings, partial(delivering, settings), partial(keeping_house, settings))


if __name__ == "__main__":
    main()
