"""What a route says in the OpenAPI document about its answers, and the parameters that routes share."""

from functools import cache
from typing import Annotated, TypeAlias

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter

from contracts.errors import CODES
from gateway.problems import MEDIA_TYPE, ProblemDetails

COMMON = (
    "bad_request",
    "host_not_allowed",
    "unauthenticated",
    "too_many_attempts",
    "forbidden",
    "internal",
    "busy",
    "unavailable",
    "timeout",
)
"""Codes that any route may answer with."""
READING = ("validation_failed",)
POSTING = ("validation_failed", "cross_origin", "request_timeout", "body_too_large", "unsupported_media_type")
"""Codes that any route may answer with that takes a body."""
WRITING = (*POSTING, "idempotency_key_reused")

MOST = 500
LONGEST_CURSOR = 2048

Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MOST, description="Most entries of the page.")]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(min_length=1, max_length=LONGEST_CURSOR, description="`next` of the page before.")
]
State: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="state", pattern="^[A-Z_]{1,32}$", description="Only those in this state, as AVAILABLE."),
]
Key: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        max_length=255,
        description="Repeating a request with the same key gives the first answer again and changes nothing.",
    ),
]
IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        pattern=r'^"[0-9]{1,18}"$',
        max_length=20,
        description='The revision that was read, in quotes: `"3"`. Nothing changes unless it still holds.',
    ),
]


def revision_in(if_match: str | None) -> int | None:
    """The revision that an If-Match names."""
    return None if if_match is None else int(if_match.strip('"'))


def etag(revision: int) -> dict[str, str]:
    """The header that says which revision was answered."""
    return {"etag": f'"{revision}"'}


def problems(*codes: str) -> dict[int, ResponseSpec]:
    """The refusals of a route, by status, each with its codes."""
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        found.setdefault(CODES[code][0], []).append(code)
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            media_type=MEDIA_TYPE,
            description="; ".join(f"`{code}`: {CODES[code][1]}" for code in group),
            generate_examples=False,
        )
        for status, group in sorted(found.items())
    }


@cache
def _name_of(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """What Litestar needs of a shape, its name: the schemas are made by `gateway.openapi`, in msgspec's words."""
    return msgspec.defstruct(shape.__name__, [])


def reads(shape: type[msgspec.Struct], text: str, *codes: str) -> dict[int, ResponseSpec]:
    """The answers of a route that reads."""
    done = ResponseSpec(data_container=_name_of(shape), description=text, generate_examples=False)
    return {200: done, **problems(*COMMON, *READING, *codes)}


def writes(status: int, shape: type[msgspec.Struct], text: str, *codes: str) -> dict[int, ResponseSpec]:
    """The answers of a route that changes something."""
    done = ResponseSpec(data_container=_name_of(shape), description=text, generate_examples=False)
    return {status: done, **problems(*COMMON, *WRITING, *codes)}


def computes(shape: type[msgspec.Struct], text: str, *codes: str) -> dict[int, ResponseSpec]:
    """The answers of a route that takes a body and changes nothing."""
    done = ResponseSpec(data_container=_name_of(shape), description=text, generate_examples=False)
    return {200: done, **problems(*COMMON, *POSTING, *codes)}


def does(text: str, *codes: str) -> dict[int, ResponseSpec]:
    """The answers of a route that changes something and has nothing to say of it."""
    done = ResponseSpec(data_container=None, description=text, generate_examples=False)
    return {204: done, **problems(*COMMON, *WRITING, *codes)}
