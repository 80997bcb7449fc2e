"""Who may say and hear what on the wire: derived from the tables of topology, speakers and requests.

Allow-lists only: what stands here is all that a client may do. Three accounts keep the parties apart. The hub's
services and the streams live in HUB; pods live in PODS and other systems in INTAKE, and reach the hub through its
exports alone. Permissions would not be enough: the server does not check the *reply* subject of what it passes on, so
that within one account a pod could have the server's answer stored as another pod's word (reliability.md 3.2).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contracts.events import SPEAKERS, Speaker
from contracts.names import POD
from contracts.requests import REPLIES, GetHealth, ListDeadLetters, ListPods, Request
from contracts.topology import STREAM_OF, STREAMS, Durable, durables, subject_filter

HUB_SERVICES = (Speaker.CATALOG, Speaker.REPLICATOR, Speaker.SHARING, Speaker.NOTIFIER)
GATEWAY = "gateway"
ADMIN = "admin"
ASKERS = (GATEWAY, ADMIN)
"""The clients that ask; whoever answers may speak into their inboxes."""

READERS = 9
"""Readers of the stream of events that a client may have at once: the gateway's live one, and eight that catch up."""

_API = "$JS.API."
_TOKEN = re.compile(POD)


class Account(StrEnum):
    """A world of subjects of its own."""

    HUB = "HUB"
    PODS = "PODS"
    INTAKE = "INTAKE"


@dataclass(frozen=True)
class Client:
    """A user of the NATS server. What it asks is answered in ``_INBOX_<name>.>``, which it may always hear."""

    name: str
    account: Account
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True)
class Export:
    """Subjects of HUB on which ``account`` may ask; ``many`` when one question has many answers (a pull)."""

    account: Account
    subject: str
    many: bool = False

    @property
    def local(self) -> str:
        """What the subject is called in ``account``; permissions are held against this name."""
        return self.subject if self.many else _local(self.subject)


def inbox(client: str) -> str:
    """The prefix of a client's inboxes. A whole token: what is given to pod-1 does not cover pod-10."""
    return f"_INBOX_{client}"


def connector(pod: str) -> str:
    """The client name of a pod's connector; so no pod can be named like a hub service."""
    return f"{Speaker.CONNECTOR}-{token(pod)}"


def source(name: str) -> str:
    """The client name of another system that speaks on ``intake.<name>.>``."""
    return f"{Speaker.INTAKE}-{token(name)}"


def readers(client: str) -> tuple[str, ...]:
    """The names of a client's consumers of the stream of events. Fixed, for a permission cannot name a prefix; and
    named, for whoever may make a consumer of any name may change those of others."""
    return tuple(f"{client}-{number}" for number in range(READERS))


def clients(pods: Iterable[str], sources: Iterable[str] = ()) -> tuple[Client, ...]:
    """Everyone who may log in to an installation with these pods and these other systems."""
    return (
        *(_service(who) for who in HUB_SERVICES),
        _gateway(),
        _admin(),
        *(_pod(pod) for pod in pods),
        *(_source(name) for name in sources),
    )


def exports() -> tuple[Export, ...]:
    """What of HUB the other accounts reach: what pods and sources may publish, for any of them."""
    star = Durable("*", "TO_PODS", ())
    return (
        Export(Account.PODS, _next(star), many=True),
        *(Export(Account.PODS, subject) for subject in (_info(star), *_acks(star), *_said_by_pod("*"))),
        *(Export(Account.INTAKE, subject) for subject in _said_by_source("*")),
    )


# --- who does what ----------------------------------------------------------------------------------------------------


def _service(who: Speaker) -> Client:
    """A hub service: its events, its durables, the streams' state, single messages of the streams that it speaks on
    (whether they still have what it said), answers to what it is asked."""
    publish = [subject_filter(kind) for kind in SPEAKERS[who]]
    publish += [_stream("INFO", stream.name) for stream in STREAMS]
    for durable in durables(who):
        publish += [_next(durable), _info(durable), _make(durable), _drop(durable), *_acks(durable)]
    publish += [_message(stream) for stream in dict.fromkeys(STREAM_OF[kind] for kind in SPEAKERS[who])]
    if who is Speaker.REPLICATOR:
        # The connectors' durables, which it makes, and lists to see which are wrong.
        publish += [_make(Durable("*", "TO_PODS", ())), f"{_API}CONSUMER.LIST.TO_PODS"]
    publish += [f"{inbox(asker)}.>" for asker in ASKERS]
    return _client(str(who), Account.HUB, publish, [f"command.{who}.*", f"query.{who}.*"])


def _gateway() -> Client:
    """The door: every question but the dead letters, the stream of events in order, live progress."""
    publish = _asked(set(REPLIES) - {ListDeadLetters})
    publish += [_stream("INFO", "EVENTS"), *_both("$JS.FC", "EVENTS.>")]
    publish += [f"{_API}CONSUMER.{verb}.EVENTS.{name}" for verb in ("CREATE", "DELETE") for name in readers(GATEWAY)]
    return _client(GATEWAY, Account.HUB, publish, ["progress.pod.*.*"])


def _admin() -> Client:
    """Whoever looks after it: makes streams and the hub's durables, asks how things are, watches events."""
    publish = [_stream(verb, stream.name) for verb in ("INFO", "CREATE", "UPDATE") for stream in STREAMS]
    for durable in (durable for who in HUB_SERVICES for durable in durables(who)):
        publish += [_info(durable), _make(durable)]
    publish += _asked({ListDeadLetters, GetHealth, ListPods})
    return _client(ADMIN, Account.HUB, publish, ["event.>"])


def _pod(pod: str) -> Client:
    """A connector: takes from its own durable, says its own events and its own progress."""
    publish = list(_said_by_pod(token(pod)))
    for durable in durables(Speaker.CONNECTOR, pod):
        publish += [_next(durable), _local(_info(durable)), *_acks(durable)]
    return _client(connector(pod), Account.PODS, publish, [])


def _source(name: str) -> Client:
    return _client(source(name), Account.INTAKE, _said_by_source(token(name)), [])


def _client(name: str, account: Account, publish: Iterable[str], subscribe: Iterable[str]) -> Client:
    return Client(name, account, tuple(dict.fromkeys(publish)), (*subscribe, f"{inbox(name)}.>"))


# --- subjects ---------------------------------------------------------------------------------------------------------


def token(name: str) -> str:
    """A pod's or a source's name, which becomes part of subjects. Raises ValueError when it cannot."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is not a name of lower-case letters, digits and dashes")
    return name


def _said_by_pod(pod: str) -> tuple[str, ...]:
    return (*(subject_filter(kind, pod) for kind in SPEAKERS[Speaker.CONNECTOR]), f"progress.pod.{pod}.*")


def _said_by_source(name: str) -> tuple[str, ...]:
    found = (subject_filter(kind).replace(".*.", f".{name}.", 1) for kind in SPEAKERS[Speaker.INTAKE])
    return tuple(dict.fromkeys(found))


def _asked(requests: Iterable[type[Request]]) -> list[str]:
    """The subjects of ``requests``; what every service answers is asked of each."""
    return sorted({request.subject().replace(".service.", f".{who}.") for request in requests for who in HUB_SERVICES})


def _stream(verb: str, stream: str) -> str:
    return f"{_API}STREAM.{verb}.{stream}"


def _next(durable: Durable) -> str:
    return f"{_API}CONSUMER.MSG.NEXT.{durable.stream}.{durable.name}"


def _info(durable: Durable) -> str:
    return f"{_API}CONSUMER.INFO.{durable.stream}.{durable.name}"


def _make(durable: Durable) -> str:
    return f"{_API}CONSUMER.DURABLE.CREATE.{durable.stream}.{durable.name}"


def _drop(durable: Durable) -> str:
    return f"{_API}CONSUMER.DELETE.{durable.stream}.{durable.name}"


def _message(stream: str) -> str:
    return f"{_API}STREAM.MSG.GET.{stream}"


def _local(subject: str) -> str:
    """The name of a question to JetStream outside HUB, to which the server translates what clients ask there: under
    its own name JetStream would answer for the account itself, that it is not enabled."""
    return f"hub.{subject.removeprefix(_API)}" if subject.startswith(_API) else subject


def _acks(durable: Durable) -> tuple[str, ...]:
    return _both("$JS.ACK", f"{durable.stream}.{durable.name}.>")


def _both(family: str, rest: str) -> tuple[str, str]:
    """The server's short form of a subject and the long one, with domain and account before the stream.

    ``_`` is what the server says for "no domain". A wildcard there would make the long form cover short ones of other
    streams, whose numbers stand where the long form has the stream.
    """
    return f"{family}.{rest}", f"{family}._.*.{rest}"
