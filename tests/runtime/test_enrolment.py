"""Enrolment tokens: who signed, for whom, and until when."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from runtime.enrolment import Enrolment, EnrolmentSigner, verify
from runtime.signing import PrivateKey
from runtime.tickets import Signer, Ticket, TicketError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
KEY = PrivateKey.generate()
LABELS = {"region": "eu", "rack": "r7"}
TOKEN = EnrolmentSigner(KEY).token("pod-1", LABELS, NOW, LATER)


def test_a_token_says_who_may_join_with_which_labels_and_until_when() -> None:
    assert verify(TOKEN, KEY.public, NOW) == Enrolment(pod="pod-1", labels=LABELS, issued=NOW, expires=LATER)
    assert EnrolmentSigner(KEY).check(TOKEN, NOW) == verify(TOKEN, KEY.public, NOW)


def test_the_same_words_make_the_same_token() -> None:
    again = EnrolmentSigner(KEY).token("pod-1", dict(reversed(LABELS.items())), NOW, LATER)
    assert again == TOKEN


def test_a_token_ends() -> None:
    with pytest.raises(TicketError, match="expired"):
        verify(TOKEN, KEY.public, LATER)


def test_nobody_else_can_sign_one() -> None:
    with pytest.raises(TicketError, match="bad_signature"):
        verify(EnrolmentSigner(PrivateKey.generate()).token("pod-1", {}, NOW, LATER), KEY.public, NOW)


def test_a_ticket_of_the_same_key_is_no_enrolment() -> None:
    ticket = Signer(KEY).sign(Ticket(pod="pod-1", version="v", roots=("a" * 64,), expires=LATER))
    with pytest.raises(TicketError, match="bad_signature"):
        verify(ticket, KEY.public, NOW)


@pytest.mark.parametrize("token", ["", ".", "a.b", TOKEN[:-4], TOKEN + "=", "x" * 5000, TOKEN.replace(".", "")])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TicketError):
        verify(token, KEY.public, NOW)


def test_no_part_of_a_token_can_be_changed() -> None:
    body, _, signature = TOKEN.partition(".")
    data = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    for index in range(len(data)):
        changed = bytes(data[:index]) + bytes([data[index] ^ 1]) + bytes(data[index + 1 :])
        token = f"{base64.urlsafe_b64encode(changed).rstrip(b'=').decode()}.{signature}"
        with pytest.raises(TicketError):
            verify(token, KEY.public, NOW)


@pytest.mark.parametrize(
    ("pod", "labels"),
    [
        ("Pod 1", {}),
        ("pod-1\n", {}),
        ("pod-1", {"Region": "eu"}),
        ("pod-1", {"region": "e u"}),
        ("pod-1", {f"k{n}": "v" for n in range(33)}),
        ("pod-1", {f"{n:02}{'k' * 37}": "v" * 64 for n in range(32)}),
    ],
)
def test_what_no_pod_could_be_called_is_not_signed(pod: str, labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="token"):
        EnrolmentSigner(KEY).token(pod, labels, NOW, LATER)
