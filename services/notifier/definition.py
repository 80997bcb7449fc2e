"""The notifier as the runtime runs it."""

from pathlib import Path

from contracts.events import Speaker
from notifier.handlers import reactions
from notifier.hooks import Config
from notifier.queries import QUERIES
from notifier.settings import NotifierSettings
from runtime.service import Definition


def definition(settings: NotifierSettings) -> Definition:
    """What makes the service notifier; what it has to post is posted by `couriers.delivering` beside it."""
    config = Config(
        most_hooks=settings.max_hooks,
        networks=settings.networks,
        schedule=settings.schedule,
    )
    return Definition(
        Speaker.NOTIFIER,
        reactions(config),
        queries=QUERIES,
        migrations=Path(__file__).parent / "migrations",
    )
