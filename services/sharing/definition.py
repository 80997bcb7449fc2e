"""Sharing as the runtime runs it."""

from pathlib import Path

from contracts.events import Speaker
from runtime.audited import audited
from runtime.service import Definition
from sharing.directory import handlers as directory
from sharing.directory import queries as directory_queries
from sharing.directory.bootstrap import Bootstrap
from sharing.handlers import LOCAL, reactions
from sharing.queries import QUERIES
from sharing.settings import SharingSettings
from sharing.watched import WATCHED

MIGRATIONS = Path(__file__).parent / "migrations"


def definition(settings: SharingSettings) -> Definition:
    """What makes the service sharing.

    Raises:
        SettingsError: the file with the bootstrap token's digest cannot be used.
    """
    bootstrap = Bootstrap.read(settings.bootstrap_token_file)
    queries = {**QUERIES, **directory_queries.queries(bootstrap)}
    reacts = audited({**reactions(settings), **directory.reactions(bootstrap)}, WATCHED, Speaker.SHARING)
    return Definition(Speaker.SHARING, reacts, LOCAL | directory.LOCAL, queries, MIGRATIONS)
