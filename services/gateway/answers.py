"""What a route says in the OpenAPI document about its answers, and the parameters that routes share."""

from typing import Annotated, TypeAlias

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter

from contracts.errors import CODES
from gateway.problems import MEDIA_TYPE, ProblemDetails

COMMON = ("bad_request", "host_not_allowed", "internal", "busy", "unavailable", "timeout")
"""Codes that any route may answer with."""
READING = ("validation_failed",)
WRITING = (
    "validation_failed",
    "cross_origin",
    "request_timeout",
    "body_too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
)

MOST = 500
LONGEST_CURSOR = 512

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


def problems(*codes: str) -> dict[int, ResponseSpec]:
    """The refusals of a route, by status, each with its codes."""
    found: dict[int, list[str]] = {}
    for code in codes:
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


def reads(shape: type[msgspec.Struct], text: str, *codes: str) -> dict[int, ResponseSpec]:
    """The answers of a route that reads."""
    done = ResponseSpec(data_container=shape, description=text, generate_examples=False)
    return {200: done, **problems(*COMMON, *READING, *codes)}


def writes(status: int, shape: type[msgspec.Struct], text: str, *codes: str) -> dict[int, ResponseSpec]:
    """The answers of a route that changes something."""
    done = ResponseSpec(data_container=shape, description=text, generate_examples=False)
    return {status: done, **problems(*COMMON, *WRITING, *codes)}
