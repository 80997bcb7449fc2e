"""What every route does: say who asks, put a question to a service, and answer with what it said."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from contracts import requests as contract
from contracts.definition import NAMESPACE
from contracts.errors import Problem
from contracts.names import ID, NAME, POD, parse_number
from contracts.requests import Actor, command_id
from gateway.advice import Thing, advice
from gateway.answers import etag
from gateway.bodies.base import Body, fields
from gateway.edge import ACTOR
from gateway.figures import Figures
from gateway.identity import Identities
from gateway.live import Hub
from gateway.paths import named, principal, unit
from gateway.problems import RefusedError, refuse
from gateway.progress import Latest
from gateway.settings import GatewaySettings
from gateway.shapes import render
from gateway.transfers import Transfers
from runtime.requests import Requests

V = TypeVar("V", bound=msgspec.Struct)
R = TypeVar("R", bound=contract.Request)

_id = re.compile(ID)
_pod = re.compile(POD)
_name = re.compile(NAME)
_namespace = re.compile(NAMESPACE)


@dataclass(frozen=True)
class Door:
    """The way from a route to the services and to what is live."""

    settings: GatewaySettings
    requests: Requests
    hub: Hub
    progress: Latest
    identities: Identities
    transfers: Transfers = field(default_factory=Transfers)
    figures: Figures = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", Figures(self.requests, self.hub, self.settings.services))

    def actor(self, request: Request[Any, Any, Any]) -> Actor:
        """Who asks, as the edge established it. Raises KeyError on a path that is open to everybody."""
        found: Actor = request.scope[ACTOR]  # type: ignore[literal-required]
        return found

    def command(self, request: Request[Any, Any, Any], key: str | None) -> dict[str, Any]:
        """Actor and id of a command; without an Idempotency-Key each request is a command of its own."""
        actor = self.actor(request)
        return {"actor": actor, "id": command_id(actor, uuid.uuid4().hex if key is None else key)}

    def order(
        self, kind: type[R], request: Request[Any, Any, Any], key: str | None, body: Body | None = None, **named: Any
    ) -> R:
        """A command of this kind: what the body says, and what path and headers name."""
        said = {} if body is None else fields(body)
        return msgspec.convert({**said, **self.command(request, key), **named}, kind, from_attributes=True)

    async def ask(self, request: contract.Request, expected: type[V]) -> V:
        """The reply of the owning service.

        Raises:
            RefusedError: the service refused, or does not answer.
        """
        reply = await self.requests.ask(request, timeout=self.settings.request_timeout)
        if isinstance(reply, Problem):
            raise RefusedError(reply)
        if not isinstance(reply, expected):
            raise TypeError(f"{request.subject()} was answered with {type(reply).__name__}")
        return reply

    async def see(self, question: contract.See) -> contract.Seen | Problem:
        """What somebody may know of, or why nobody says so."""
        reply = await self.requests.ask(question, timeout=self.settings.request_timeout)
        if not isinstance(reply, contract.Seen | Problem):
            raise TypeError(f"{question.subject()} was answered with {type(reply).__name__}")
        return reply


Services: TypeAlias = NamedDependency[Door]
"""The door as routes ask for it."""


def answer(view: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """A view as JSON."""
    return Response(render(view), status_code=status, media_type="application/json", headers=dict(headers or {}))


def thing(view: Thing, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """The view of one thing that can be edited: with its revision, and with what it warns of."""
    return answer(view, status, {**etag(view.revision), **advice(view), **(headers or {})})


def accepted(reply: contract.Accepted) -> Response[bytes]:
    """202: the work goes on; the job at Location tells how."""
    return answer(reply, 202, {"location": f"/v1/jobs/{reply.job}"})


def done() -> Response[None]:
    """204: it took effect, and there is nothing more to say."""
    return Response(None, status_code=204)


# A path that can name nothing is refused here, and no service is asked.


def image_in(segment: str) -> str:
    """The image that a path names. Raises RefusedError (image_not_found)."""
    image = named(segment)
    if image is None:
        hint = "Name an image by its id, or as gallery/name; GET /v1/images lists them."
        raise refuse("image_not_found", "The path names no image.", hint)
    return image


def number_in(segment: str) -> str:
    """The version number, or ``latest``, that a path names. Raises RefusedError (version_number_invalid)."""
    if segment != "latest" and parse_number(segment) is None:
        raise refuse("version_number_invalid", "The path names no version.", "A version is 1.0.0, 1.0 or latest.")
    return segment


def pod_in(segment: str) -> str:
    """The pod that a path names. Raises RefusedError (pod_not_found)."""
    if not _pod.match(segment):
        raise refuse("pod_not_found", "The path names no pod.", "GET /v1/pods lists them.")
    return segment


def job_in(segment: str) -> str:
    """The job that a path names. Raises RefusedError (job_not_found)."""
    if not _id.match(segment):
        raise refuse("job_not_found", "The path names no job.", "GET /v1/jobs lists them.")
    return segment


def policy_in(segment: str) -> str:
    """The policy that a path names. Raises RefusedError (policy_not_found)."""
    if not _name.match(segment):
        raise refuse("policy_not_found", "The path names no policy.", "GET /v1/policies lists them.")
    return segment


def gallery_in(segment: str) -> str:
    """The gallery that a path names. Raises RefusedError (gallery_not_found)."""
    return _name_in(segment, "gallery", "GET /v1/galleries lists them.")


def tenant_in(segment: str) -> str:
    """The tenant that a path names. Raises RefusedError (tenant_not_found)."""
    return _name_in(segment, "tenant", "GET /v1/tenants lists them.")


def account_in(segment: str) -> str:
    """The account that a path names. Raises RefusedError (account_not_found)."""
    return _name_in(segment, "account", "GET /v1/accounts lists them.")


def user_in(segment: str) -> str:
    """The user or service account that a path names. Raises RefusedError (user_not_found)."""
    return _name_in(segment, "user", "GET /v1/users lists them.")


def unit_in(segment: str) -> str:
    """The organisation or unit that a path names. Raises RefusedError (unit_not_found)."""
    path = unit(segment)
    if path is None:
        raise refuse("unit_not_found", "The path names no unit.", "GET /v1/units lists them.")
    return path


def token_in(segment: str) -> str:
    """The token, by its id, that a path names. Raises RefusedError (token_not_found)."""
    return _id_in(segment, "token", "GET /v1/tokens lists them.")


def share_in(segment: str) -> str:
    """The image, by its id, whose offer a path names. Raises RefusedError (share_not_found)."""
    return _id_in(segment, "share", "A share is named by the id of its image; GET /v1/shares lists them.")


def principal_in(segment: str) -> str:
    """The principal that a path names. Raises RefusedError (principal_invalid)."""
    found = principal(segment)
    if found is None:
        hint = "As `acme`, `account:x`, `org:corp%2Feu`, `user:acme%2Fjo`, `service:acme%2Fci`, `group:acme%2Fdevs`."
        raise refuse("principal_invalid", "The path names nobody.", hint)
    return found


def retention_in(segment: str) -> str:
    """The retention policy that a path names. Raises RefusedError (retention_not_found)."""
    return _name_in(segment, "retention", "GET /v1/retentions lists them.")


def flavour_in(segment: str) -> str:
    """The flavour that a path names. Raises RefusedError (flavour_not_found)."""
    return _name_in(segment, "flavour", "GET /v1/flavours lists them.")


def namespace_in(segment: str) -> str:
    """The namespace that a path names. Raises RefusedError (namespace_not_found)."""
    if not _namespace.match(segment):
        raise refuse("namespace_not_found", "The path names no namespace.", "GET /v1/namespaces lists them.")
    return segment


def certificate_in(segment: str) -> str:
    """The certificate that a path names. Raises RefusedError (certificate_not_found)."""
    return _name_in(segment, "certificate", "GET /v1/certificates lists them.")


def marker_in(segment: str) -> str:
    """The marker that a path names. Raises RefusedError (marker_not_found)."""
    return _name_in(segment, "marker", "GET /v1/images/{image}/markers lists them.")


def assignment_in(segment: str) -> str:
    """The assignment that a path names, by id or by name. Raises RefusedError (assignment_not_found)."""
    return _name_in(segment, "assignment", "GET /v1/assignments lists them.")


def _name_in(segment: str, noun: str, hint: str) -> str:
    if not _name.match(segment):
        raise refuse(f"{noun}_not_found", f"The path names no {noun}.", hint)
    return segment


def _id_in(segment: str, noun: str, hint: str) -> str:
    if not _id.match(segment):
        raise refuse(f"{noun}_not_found", f"The path names no {noun}.", hint)
    return segment


def hook_in(segment: str) -> str:
    """The webhook that a path names. Raises RefusedError (hook_not_found)."""
    if not _id.match(segment):
        raise refuse("hook_not_found", "The path names no webhook.", "GET /v1/webhooks lists them.")
    return segment
