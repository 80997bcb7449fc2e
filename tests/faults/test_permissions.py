"""Least privilege on a real server: what a client has no right to is refused and stores nothing."""

import nats
import pytest
from nats.errors import NoServersError

from faults.attacks import EVERYTHING, INBOXES, PUBLISH, SUBSCRIBE
from faults.guarded import SPY, Guarded, leaks


@pytest.mark.parametrize("client", PUBLISH)
async def test_whatever_a_client_has_no_right_to_say_is_refused_and_stores_nothing(
    server: Guarded, client: str
) -> None:
    spy, party = await server.party(SPY.name), await server.party(client)
    leaked = await leaks(spy)
    before = await server.lasts(spy)
    assert [subject for subject in PUBLISH[client] if await party.publish(subject, reply="_INBOX.x")] == []
    await spy.settle()
    assert leaked == []
    assert await server.lasts(spy) == before


@pytest.mark.parametrize("client", SUBSCRIBE)
async def test_whatever_a_client_has_no_right_to_hear_it_cannot_subscribe_to(server: Guarded, client: str) -> None:
    party = await server.party(client)
    others = [f"_INBOX_{name}.>" for name in INBOXES if name != client]
    subjects = SUBSCRIBE[client] + EVERYTHING + others
    assert [subject for subject in subjects if await party.subscribe(subject)] == []
    assert not await party.subscribe("to.pod.>", queue="q")
    assert await party.subscribe(party.client.new_inbox())


async def test_nobody_is_let_in_without_a_login_or_with_anothers_password(server: Guarded) -> None:
    password = (server.keys / "connector-pod-1" / "nats-password").read_text().strip()
    for login in ({}, {"user": "catalog", "password": password}, {"user": "imprint", "password": password}):
        with pytest.raises((NoServersError, nats.errors.Error)):
            await nats.connect(server.server.url, allow_reconnect=False, **login)  # type: ignore[arg-type]
