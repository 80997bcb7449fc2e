"""The replicator as a service."""

from pathlib import Path

from contracts.events import Speaker
from replicator.handlers import LOCAL, Config, reactions
from replicator.queries import QUERIES
from replicator.settings import ReplicatorSettings
from runtime.service import Definition
from runtime.tickets import Signer


def definition(settings: ReplicatorSettings) -> Definition:
    """The replicator's reactions, queries and migrations. Opens the key for tickets, making it when there is none.

    Raises:
        KeyFileError: the key file cannot be used.
    """
    signer = Signer.open(settings.key_path)
    config = Config(sign=signer.sign, policy=settings.policy, ticket_seconds=settings.ticket_seconds)
    return Definition(
        name=Speaker.REPLICATOR,
        reactions=reactions(config),
        local=LOCAL,
        queries=QUERIES,
        migrations=Path(__file__).parent / "migrations",
    )
