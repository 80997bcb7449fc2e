"""The replicator as a service."""

from pathlib import Path

from contracts.events import Speaker
from replicator.handlers import LOCAL, Config, reactions
from replicator.queries import queries
from replicator.settings import ReplicatorSettings
from runtime.enrolment import EnrolmentSigner
from runtime.service import Definition
from runtime.signing import PrivateKey
from runtime.tickets import Signer
from runtime.upload_tickets import UploadSigner


def definition(settings: ReplicatorSettings) -> Definition:
    """The replicator's reactions, queries and migrations. Opens the key for tickets, making it when there is none.

    Raises:
        KeyFileError: the key file cannot be used.
    """
    key = PrivateKey.open(settings.key_path)
    config = Config(
        sign=Signer(key).sign,
        uploads=UploadSigner(key),
        enrolment=EnrolmentSigner(key),
        open_house=settings.enrolment == "open",
        surplus=settings.surplus,
        policy=settings.policy,
        rules=settings.rules,
        ticket_seconds=settings.ticket_seconds,
        repair_seconds=settings.repair_seconds,
        slots=settings.slots,
    )
    return Definition(
        name=Speaker.REPLICATOR,
        reactions=reactions(config),
        local=LOCAL,
        queries=queries(config),
        migrations=Path(__file__).parent / "migrations",
    )
