"""What the sharing service is asked."""

from typing import Literal

from contracts.names import Name
from contracts.requests.base import Command, Request


class OfferImage(Command, frozen=True, kw_only=True, tag="command.sharing.offer"):
    """Owner: offer an image to a tenant."""

    image: str
    member: Name


class AnswerOffer(Command, frozen=True, kw_only=True, tag="command.sharing.answer"):
    """Member: accept or reject an offer; may change its mind."""

    image: str
    answer: Literal["accept", "reject"]


class RevokeOffer(Command, frozen=True, kw_only=True, tag="command.sharing.revoke"):
    """Owner: take an offer back."""

    image: str
    member: Name


class ListMembers(Request, frozen=True, kw_only=True, tag="query.sharing.members"):
    """Owner: all members of an image. Member: its own row. Anyone else: not found."""

    image: str
