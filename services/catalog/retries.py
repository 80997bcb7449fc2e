"""The reaction to the command that does again what a job was to do and did not (features.md J5)."""

from collections.abc import Callable, Iterator

import msgspec

from catalog import imports, publishes, references
from catalog.config import Config
from catalog.documents import JOB, VERSION
from catalog.domain import job as jobs
from catalog.domain.job import Job
from catalog.domain.version import DeploymentDone, Version
from contracts.errors import Problem
from contracts.requests import Accepted, ImportVersion, PublishVersion, RetryJob
from runtime.work import Get, Message, Reaction, Ref, Work

_decode: dict[str, Callable[[bytes], ImportVersion | PublishVersion]] = {
    "import": msgspec.json.Decoder(ImportVersion).decode,
    "publish": msgspec.json.Decoder(PublishVersion).decode,
}


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to a retry."""

    def on_retry(message: Message[RetryJob], work: Work) -> Accepted | Problem:
        return _retry(message.body, work, config)

    return {RetryJob: Reaction(_keys, on_retry, refuses_anew=True)}


def _keys(message: Message[RetryJob], get: Get) -> Iterator[Ref]:
    command = message.body
    yield JOB(command.job)
    job = get(JOB, command.job)
    if job is None or job.tenant != command.actor.tenant:
        return
    yield VERSION(job.version)
    asked = _again(command, job, get(VERSION, job.version))
    if isinstance(asked, ImportVersion):
        yield from imports.refs(asked, get)
    elif asked is not None:
        yield from publishes.refs(asked, get)


def _retry(command: RetryJob, work: Work, config: Config) -> Accepted | Problem:
    job = work.get(JOB, command.job)
    if job is None or job.tenant != command.actor.tenant:
        return references.job_not_found(command.job)
    asked = _again(command, job, work.get(VERSION, job.version))
    if asked is None:
        return _not_retryable(command.job, job)
    if isinstance(asked, ImportVersion):
        answer = imports.accept(asked, work, config.settings)
    else:
        answer = publishes.accept(asked, work, config)
    if isinstance(answer, Accepted):
        before = work.get(JOB, command.job) or job
        work.put(JOB, command.job, msgspec.structs.replace(before, retried=answer.job))
    return answer


def _again(command: RetryJob, job: Job, version: Version | None) -> ImportVersion | PublishVersion | None:
    """What the job was begun with, as ``command``'s actor asks for it now; None for a job that cannot be done again.

    A publish goes on from where it came to: copies that are AVAILABLE are not made a second time.
    """
    if not isinstance(job, jobs.Failed | jobs.Cancelled | jobs.Partial) or job.retried or not job.asked:
        return None
    if (decode := _decode.get(job.kind)) is None:
        return None
    asked = decode(job.asked.encode())
    if isinstance(asked, PublishVersion):
        asked = msgspec.structs.replace(asked, again=not isinstance(version, DeploymentDone))
    return msgspec.structs.replace(asked, id=command.id, actor=command.actor)


def _not_retryable(id: str, job: Job) -> Problem:
    state = str(job.__struct_config__.tag)
    if job.retried:
        detail, hint = f"job {id} was done again as {job.retried}", "Follow that job, and retry it if need be."
    elif jobs.running(job):
        detail, hint = f"job {id} is {state}", "Wait for its end, or cancel it."
    elif isinstance(job, jobs.Success):
        detail, hint = f"job {id} is {state}", "There is nothing left to do."
    else:
        detail, hint = f"a job of kind {job.kind} cannot be given again", "Ask for what it was to do anew."
    return Problem(
        code="not_retryable", detail=detail, hint=hint, data={"state": state, "kind": job.kind, "retried": job.retried}
    )
