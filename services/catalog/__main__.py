"""``python -m catalog``: the catalog as a process, set up by its environment (``IMPRINT_…``)."""

from catalog.definition import definition
from catalog.settings import CatalogSettings
from runtime.service import run
from runtime.settings import load


def main() -> None:
    """Run the catalog until SIGTERM or SIGINT."""
    settings = load(CatalogSettings)
    run(definition(settings), settings)


if __name__ == "__main__":
    main()
