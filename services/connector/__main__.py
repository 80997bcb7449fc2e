"""``python -m connector``: one pod's connector, set up by its environment."""

import sys
from functools import partial

from connector.agent import agent
from connector.handlers import definition
from connector.settings import ConnectorSettings
from connector.transfer.identity import IdentityError
from runtime.service import run
from runtime.settings import SettingsError, load


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    try:
        settings = load(ConnectorSettings)
    except SettingsError as error:
        sys.exit(f"connector: {error}")
    try:
        run(definition(settings.pod), settings, partial(agent, settings))
    except IdentityError as error:
        sys.exit(f"connector: {error}")


if __name__ == "__main__":
    main()
