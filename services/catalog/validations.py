"""The reaction to the result of a validation of a version (features.md B17)."""

from collections.abc import Iterator

import msgspec

from catalog import holds, references
from catalog.documents import MARKERS, USES
from catalog.domain import lives
from catalog.domain.publishing import not_ready
from catalog.domain.version import manifest_of
from catalog.editions import changed, shown
from catalog.follow import marked
from contracts.errors import Problem
from contracts.requests import RecordValidation
from contracts.views import Validation, VersionView
from runtime.work import Get, Message, Reaction, Ref, Work

MOST = 32
"""Kinds of validation that a version has results of."""


def reactions() -> dict[type, Reaction]:
    """The reaction to a validation."""
    return {RecordValidation: Reaction(_keys, _on_validation)}


def _keys(message: Message[RecordValidation], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.version_refs(command.actor.tenant, command.image, command.number, get)
    named = references.named_version(command.actor.tenant, command.image, command.number, get)
    if named is not None:
        yield USES(named[0])
        yield MARKERS(named[1].image)


def _on_validation(message: Message[RecordValidation], work: Work) -> VersionView | Problem:
    command = message.body
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    version = found.version
    if (problem := lives.objection_to_change(version)) is not None:
        return problem
    if manifest_of(version) is None:
        return not_ready(version, "validated", "Wait until it is DEPLOYMENT_DONE.")
    others = tuple(one for one in version.validations if one.kind != command.kind)
    if len(others) >= MOST:
        return Problem(
            code="limit_exceeded",
            detail=f"version {version.number} has results of {MOST} kinds of validation",
            hint="Record the result under one of the kinds that there are.",
            data={"limit": MOST},
        )
    result = Validation(
        kind=command.kind, status=command.status, tool=command.tool, detail=command.detail, at=message.at
    )
    results = (*others, result)
    waited = lives.held(found.image, version)
    version = msgspec.structs.replace(version, validations=results, validated=lives.validated(results))
    after = marked(work, found.id, version, changed(found.id, version, ("validations",)))
    if waited and not lives.held(found.image, after):
        holds.wake(work, work.get(USES, found.id))
    return shown(work, found._replace(version=after))
