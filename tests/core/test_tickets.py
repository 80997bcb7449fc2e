"""Tickets: what the hub signs opens, and nothing else does."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest

from runtime.signing import PrivateKey
from runtime.tickets import MAX_TOKEN, Signer, Ticket, TicketError, verify

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
TICKET = Ticket(pod="pod-2", version="1" * 32, roots=("a" * 64, "b" * 64), expires=NOW + timedelta(hours=1))


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(PrivateKey.generate())


def refused(token: str, signer: Signer, now: datetime = NOW) -> str:
    with pytest.raises(TicketError) as caught:
        verify(token, signer.public_key, now)
    assert token == "" or token not in str(caught.value)
    return caught.value.reason


def test_a_signed_ticket_comes_back_as_it_was(signer: Signer) -> None:
    assert verify(signer.sign(TICKET), signer.public_key, NOW) == TICKET


def test_a_ticket_ends_at_its_expiry_in_any_time_zone(signer: Signer) -> None:
    token = signer.sign(TICKET)
    just_before = (TICKET.expires - timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=5)))
    assert verify(token, signer.public_key, just_before) == TICKET
    assert refused(token, signer, TICKET.expires) == "expired"


def test_no_character_of_a_token_can_be_changed(signer: Signer) -> None:
    token = signer.sign(TICKET)
    for at, character in enumerate(token):
        other = "A" if character != "A" else "B"
        assert refused(token[:at] + other + token[at + 1 :], signer) in {"bad_signature", "malformed"}


def test_a_ticket_of_another_key_is_refused(signer: Signer) -> None:
    assert refused(Signer(PrivateKey.generate()).sign(TICKET), signer) == "bad_signature"


def test_a_signature_made_for_another_purpose_is_none_for_a_ticket() -> None:
    key = PrivateKey.generate()
    claims = base64.urlsafe_b64decode(Signer(key).sign(TICKET).partition(".")[0] + "==")
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (claims, key.sign(b"", claims))]
    assert refused(".".join(parts), Signer(key)) == "bad_signature"


def test_well_signed_claims_of_another_shape_are_refused() -> None:
    key = PrivateKey.generate()
    for claims in (b"", b"\x90", b"\x94\xa1p\xa1v\xc4\x03abc\x01", b"\x94\xa1p\xa1v\xc4\x00\xcf" + b"\xff" * 8):
        parts = [claims, key.sign(b"imprint/ticket/1\0", claims)]
        token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        assert refused(token, Signer(key)) == "malformed"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "malformed"),
        (".", "bad_signature"),
        ("no dot", "malformed"),
        ("a.b.c", "malformed"),
        ("ünïcödé.ünïcödé", "malformed"),
        ("\0.\0", "malformed"),
        ("AAAA.AAAA", "bad_signature"),
        ("AA==.AAAA", "malformed"),
        ("AB.AAAA", "malformed"),
        ("A" * (MAX_TOKEN + 1), "too_large"),
    ],
)
def test_garbage_is_refused_with_its_reason(signer: Signer, token: str, reason: str) -> None:
    assert refused(token, signer) == reason


def test_the_largest_version_fits_a_token(signer: Signer) -> None:
    roots = tuple(f"{number:064x}" for number in range(64))
    ticket = Ticket(pod="p" * 32, version="f" * 32, roots=roots, expires=TICKET.expires)
    token = signer.sign(ticket)
    assert len(token) <= MAX_TOKEN
    assert verify(token, signer.public_key, NOW) == ticket


def test_what_is_no_digest_or_too_much_is_not_signed(signer: Signer) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        signer.sign(Ticket(pod="p", version="v", roots=("ab",), expires=NOW))
    with pytest.raises(ValueError, match="too long"):
        signer.sign(Ticket(pod="p" * MAX_TOKEN, version="v", roots=(), expires=NOW))
