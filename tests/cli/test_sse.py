"""Server-sent events, however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.sse import Parser, ServerSentEvent


def parsed(*pieces: bytes) -> list[tuple[str, str, str]]:
    """Event, data and id of what the pieces hold."""
    parser = Parser()
    return [(event.event, event.data, event.id) for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [("message", "a", "")]),
        (b"event: x\ndata: a\nid: 7\n\n", [("x", "a", "7")]),
        (b"data:a\n\n", [("message", "a", "")]),
        (b"data:  a\n\n", [("message", " a", "")]),
        (b"data: a\ndata: b\n\n", [("message", "a\nb", "")]),
        (b"data\n\n", [("message", "", "")]),
        (b"data: a\r\n\r\n", [("message", "a", "")]),
        (b"data: a\r\rdata: b\r\r:", [("message", "a", ""), ("message", "b", "")]),
        (b": a comment\n\n", []),
        (b"event: x\n\ndata: a\n\n", [("message", "a", "")]),
        (b"id: 7\n\ndata: a\n\n", [("message", "a", "7")]),
        (b"id: 7\ndata: a\n\ndata: b\n\n", [("message", "a", "7"), ("message", "b", "7")]),
        (b"id: 7\n\nid: 8\0\ndata: a\n\n", [("message", "a", "7")]),
        (b"other: 1\ndata: a\n\n", [("message", "a", "")]),
        (b"data: a\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "")]),
        ("data: zü\n\n".encode(), [("message", "zü", "")]),
    ],
)
def test_a_stream_becomes_its_events(stream: bytes, events: list[tuple[str, str, str]]) -> None:
    assert parsed(stream) == events
    assert parsed(*(stream[at : at + 1] for at in range(len(stream)))) == events


NAMES = st.from_regex(r"[a-z.]{1,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=5), st.lists(st.integers(0, 400)), st.sampled_from(["\n", "\r\n"]))
def test_where_the_bytes_are_cut_changes_nothing(said: list[tuple[str, str]], cuts: list[int], end: str) -> None:
    lines = []
    for number, (event, data) in enumerate(said):
        lines += [f"id: {number}", f"event: {event}", *(f"data: {line}" for line in data.split("\n")), ""]
    stream = "".join(line + end for line in lines).encode()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:stop] for start, stop in pairwise(places)]
    assert parsed(*pieces) == [(event, data, str(number)) for number, (event, data) in enumerate(said)]


def test_the_server_names_the_pause_and_the_place_to_go_on_from() -> None:
    parser = Parser()
    assert parser.feed(b"retry: 1500\nid: 41\n\nretry: soon\n") == []
    assert (parser.retry, parser.last_id) == (1.5, "41")
    assert parser.feed(b"\ndata: a\n\n") == [ServerSentEvent(event="message", data="a", id="41")]
