"""The reaction to the word of a build pipeline: an import in its own name, or a job that failed."""

import msgspec

from catalog import references
from catalog.config import Config
from catalog.documents import JOB
from catalog.domain import job as jobs
from catalog.imports import accept, refs
from contracts.errors import Failure, Problem
from contracts.events.intake import ImageBuilt
from contracts.requests import Actor, ImportVersion
from runtime.work import Message, Reaction, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to what other systems made."""
    settings = config.settings

    def as_command(message: Message[ImageBuilt]) -> ImportVersion:
        return _as_command(message, settings.tenant_of(message.speaker))

    def on_built(message: Message[ImageBuilt], work: Work) -> None:
        command = as_command(message)
        if references.find(work, command.actor, command.image) is not None:
            # What a pipeline says of the operating system is about the image that its first word registers.
            command = msgspec.structs.replace(command, os_type=None)
        answer = _foreign(message, command) or accept(command, work, settings)
        if isinstance(answer, Problem):
            _keep_refusal(command, answer, work)

    return {ImageBuilt: Reaction(lambda message, get: refs(as_command(message), get), on_built)}


def _foreign(message: Message[ImageBuilt], command: ImportVersion) -> Problem | None:
    """The refusal of an event that names a tenant other than the one its speaker imports for."""
    tenant = command.actor.tenant
    if message.body.tenant in (None, tenant):
        return None
    return Problem(
        code="forbidden",
        detail=f"{message.speaker} imports for tenant {tenant}, not for {message.body.tenant}",
        hint="Leave the tenant out, or let the operator assign it (IMPRINT_INTAKE_TENANTS of the catalog).",
    )


def _as_command(message: Message[ImageBuilt], tenant: str) -> ImportVersion:
    """The import that a build pipeline asks for, in its own name (``intake:jenkins``) and for its own tenant."""
    built = message.body
    return ImportVersion(
        id=message.id,
        actor=Actor(tenant=tenant, name=message.speaker, roles=("publisher",), kind="service"),
        image=f"{built.gallery}/{built.image}",
        create=True,
        os_type=built.os_type,
        source=built.source,
        mode=built.mode,
        file_type=built.file_type,
        number=built.number,
    )


def _keep_refusal(command: ImportVersion, problem: Problem, work: Work) -> None:
    """Nobody waits for an answer to an event: a refusal is a job that failed, so that people see it."""
    at = work.message.at
    gallery, _, name = command.image.partition("/")
    work.saga = job = work.new_id()
    work.put(
        JOB,
        job,
        jobs.Failed(
            kind="import",
            tenant=command.actor.tenant,
            actor=command.actor.name,
            image="",
            gallery=gallery,
            name=name,
            version="",
            number=command.number or "",
            failure=Failure(code=problem.code, step="request", text=problem.detail, hint=problem.hint),
            created=at,
            updated=at,
        ),
    )
