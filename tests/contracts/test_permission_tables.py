"""Who may say and hear what, held against the tables of speakers, topology and requests."""

from collections.abc import Iterable

import pytest

from contracts import permissions
from contracts.events import EVENT_TYPES, SPEAKER_OF, Speaker
from contracts.permissions import Account, Client, clients, connector, exports, source, token
from contracts.requests import REPLIES
from contracts.topology import STREAM_OF, STREAMS, Stream, durables, subject_filter

CLIENTS = {client.name: client for client in clients(["pod-1", "pod-10"], ["jenkins"])}


def covers(pattern: str, subject: str) -> bool:
    """Whether a pattern covers a subject, or every subject of another pattern."""
    ours, theirs = pattern.split("."), subject.split(".")
    for at, token_ in enumerate(ours):
        if token_ == ">":
            return len(theirs) > at
        if at >= len(theirs) or theirs[at] == ">" or (token_ != "*" and token_ != theirs[at]):
            return False
    return len(ours) == len(theirs)


def may_publish(subject: str) -> set[str]:
    return {name for name, client in CLIENTS.items() if any(covers(pattern, subject) for pattern in client.publish)}


def may_hear(subject: str) -> set[str]:
    return {name for name, client in CLIENTS.items() if any(covers(pattern, subject) for pattern in client.subscribe)}


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_an_event_can_be_said_by_its_only_speaker_alone(kind: type) -> None:
    who = SPEAKER_OF[kind]
    name = {Speaker.CONNECTOR: connector("pod-1"), Speaker.INTAKE: source("jenkins")}.get(who, str(who))
    subject = subject_filter(kind, "pod-1" if who is Speaker.CONNECTOR else None)
    subject = subject.replace("intake.*", "intake.jenkins").replace("*", "x")
    assert may_publish(subject) == {name}


@pytest.mark.parametrize("who", permissions.HUB_SERVICES)
def test_a_durable_is_pulled_acknowledged_and_made_by_its_owner_alone(who: Speaker) -> None:
    for durable in durables(who):
        place = f"{durable.stream}.{durable.name}"
        assert may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{place}") == {who}
        assert may_publish(f"$JS.ACK.{place}.1.1.1.1.0") == {who}
        assert may_publish(f"$JS.ACK._.hash.{place}.1.1.1.1.0") == {who}
        assert may_publish(f"$JS.API.CONSUMER.DURABLE.CREATE.{place}") == {who, "admin"}
        assert may_publish(f"$JS.API.CONSUMER.DELETE.{place}") == {who}


@pytest.mark.parametrize("stream", STREAMS)
def test_single_messages_of_a_stream_are_read_by_hub_services_that_speak_on_it_alone(stream: Stream) -> None:
    """A pod that could would read the tickets of others."""
    speakers = {str(SPEAKER_OF[kind]) for kind in EVENT_TYPES if STREAM_OF[kind] == stream.name}
    assert may_publish(f"$JS.API.STREAM.MSG.GET.{stream.name}") == speakers & set(permissions.HUB_SERVICES)


def test_a_connectors_durable_is_pulled_by_it_and_made_by_the_replicator() -> None:
    place = "TO_PODS.connector-pod-1"
    assert may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{place}") == {"connector-pod-1"}
    assert may_publish(f"$JS.ACK.{place}.1.1.1.1.0") == {"connector-pod-1"}
    assert may_publish(f"$JS.API.CONSUMER.DURABLE.CREATE.{place}") == {"replicator"}
    assert may_publish("$JS.API.CONSUMER.LIST.TO_PODS") == {"replicator"}
    assert may_publish("$JS.API.CONSUMER.LIST.EVENTS") == may_publish("$JS.API.CONSUMER.LIST.FROM_PODS") == set()


def test_every_request_can_be_asked_by_someone_and_answered_by_its_service_alone() -> None:
    for request in REPLIES:
        for who in permissions.HUB_SERVICES:
            subject = request.subject().replace(".service.", f".{who}.")
            asking = may_publish(subject)
            assert asking
            assert asking <= set(permissions.ASKERS)
            if f".{who}." in subject:
                assert may_hear(subject) == {who}


def test_an_inbox_is_heard_by_its_owner_alone_and_answered_into_by_services_only() -> None:
    for name in CLIENTS:
        inbox = f"{permissions.inbox(name)}.x.y"
        assert may_hear(inbox) == {name}
        wanted = {str(who) for who in permissions.HUB_SERVICES} if name in permissions.ASKERS else set()
        assert may_publish(inbox) == wanted


def test_nobody_may_take_away_what_a_stream_keeps() -> None:
    for stream in STREAMS:
        for verb in ("DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE", "PEER.REMOVE"):
            assert may_publish(f"$JS.API.STREAM.{verb}.{stream.name}") == set()
        assert may_publish(f"$JS.API.STREAM.UPDATE.{stream.name}") == {"admin"}


def test_a_client_hears_next_to_nothing_but_its_inbox() -> None:
    patterns = {pattern for client in CLIENTS.values() for pattern in client.subscribe}
    assert not [pattern for pattern in patterns if pattern.split(".")[0] in {"*", ">", "$JS", "$SYS", "_INBOX"}]
    for client in CLIENTS.values():
        if client.account is not Account.HUB:
            assert client.subscribe == (f"{permissions.inbox(client.name)}.>",)


def test_what_pods_and_sources_may_say_is_exported_to_them_and_nothing_more() -> None:
    for account, names in ((Account.PODS, ("pod-1", "pod-10")), (Account.INTAKE, ("jenkins",))):
        offered = [export.local for export in exports() if export.account is account]
        said = _said(client for client in CLIENTS.values() if client.account is account)
        assert all(any(covers(pattern, subject) for pattern in offered) for subject in said)
        for pattern in offered:
            for name in names:
                filled = [subject for subject in said if name in subject and covers(pattern, subject)]
                assert filled, f"{pattern} is exported and nobody of {names} needs it"
    assert {export.subject for export in exports() if export.many} == {"$JS.API.CONSUMER.MSG.NEXT.TO_PODS.*"}


def _said(found: Iterable[Client]) -> list[str]:
    return [pattern for client in found for pattern in client.publish]


def test_only_whole_names_are_let_into_subjects() -> None:
    for name in ("", "*", ">", "pod.1", "pod 1", "Pod-1", "pod-1\n", "-", "p" * 33, "pod_1", "pød"):
        with pytest.raises(ValueError, match="not a name"):
            token(name)
        with pytest.raises(ValueError, match="not a name"):
            clients([name])
        with pytest.raises(ValueError, match="not a name"):
            clients([], [name])


def test_a_pod_cannot_be_named_like_another_client() -> None:
    found = [client.name for client in clients(["catalog", "admin", "gateway"], ["catalog", "pod-1"])]
    assert len(found) == len(set(found))
