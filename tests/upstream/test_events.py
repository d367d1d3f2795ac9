"""Events cut out of bytes: the same for every split, and the bytes unchanged."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.errors import UpstreamGarbled
from tierwise.upstream import Event, EventSplitter

# Line ends and field names often, so that every kind of boundary comes up.
BYTES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\n", b"\r", b"\r\n", b"data: ", b"data:", b"event: x", b":", b"\xef\xbb\xbf", b"[DONE]"]
        ),
        st.sampled_from(["é", "日", "🎉"]).map(str.encode),
        st.binary(max_size=4),
    ),
    max_size=30,
).map(b"".join)


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in pairwise(places)]


def events_of(pieces: list[bytes]) -> tuple[list[Event], bytes]:
    splitter = EventSplitter()
    found = [event for piece in pieces for event in splitter.feed(piece)]
    found += splitter.end()
    return found, splitter.rest


def by_the_book(stream: bytes) -> list[tuple[str, bytes]]:
    """The standard's algorithm, line by line, for events with data."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    out: list[tuple[str, bytes]] = []
    data: list[bytes] = []
    name = ""
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                out.append((name, b"\n".join(data)))
            data, name = [], ""
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return out


@given(BYTES, st.lists(st.integers(0, 400), max_size=8))
def test_any_split_gives_the_same_events_and_the_same_bytes(stream, cuts):
    pieces = split(stream, cuts)

    events, rest = events_of(pieces)

    assert b"".join(event.raw for event in events) + rest == stream
    assert (events, rest) == events_of([stream])
    assert (events, rest) == events_of([bytes([byte]) for byte in stream])


@given(BYTES)
def test_events_are_those_of_the_standard(stream):
    """A byte order mark counts at the start of the stream only, which is the one place a server puts it."""
    stream = stream[:3] + stream[3:].replace(b"\xef\xbb\xbf", b"")
    events, _ = events_of([stream])

    assert [(event.name, event.data) for event in events if event.data] == [
        (name, data) for name, data in by_the_book(stream) if data
    ]


def test_an_event_comes_out_with_its_last_byte_and_not_later():
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\n") == []
    assert splitter.feed(b"\n") == [Event(b"data: a\n\n")]
    assert splitter.feed(b"data: b\r\n\r") == []
    assert splitter.feed(b"\n") == [Event(b"data: b\r\n\r\n")]
    assert splitter.feed(b"data: \xe6\x97") == []
    assert splitter.feed(b"\xa5\n\ndata: c\n\n") == [Event("data: 日\n\n".encode()), Event(b"data: c\n\n")]
    assert splitter.rest == b""


@pytest.mark.parametrize(
    ("raw", "name", "data"),
    [
        (b"data: x\n\n", "", b"x"),
        (b"data:x\n\n", "", b"x"),
        (b"data:  x\n\n", "", b" x"),
        (b"data: a\ndata: b\n\n", "", b"a\nb"),
        (b"event: response.created\ndata: {}\n\n", "response.created", b"{}"),
        (b"data: {}\r\nevent: error\r\n\r\n", "error", b"{}"),
        (b": ping\n\n", "", b""),
        (b"\xef\xbb\xbfdata: x\n\n", "", b"x"),
        (b"id: 1\nretry: 5\n\n", "", b""),
    ],
)
def test_fields_of_an_event(raw, name, data):
    assert (Event(raw).name, Event(raw).data) == (name, data)


@pytest.mark.parametrize(
    "pieces", [[b"data: " + b"x" * 200], [b"data: " + b"x" * 200 + b"\n\n"], [b"d"] * 200]
)
def test_an_event_beyond_the_bound_is_an_error(pieces):
    splitter = EventSplitter(largest=100)

    with pytest.raises(UpstreamGarbled, match="larger than 100 bytes"):
        list(map(splitter.feed, pieces))


def test_a_large_event_in_small_pieces_takes_time_in_proportion():
    """Eight megabytes in pieces of a kilobyte: quadratic copying would take minutes."""
    splitter = EventSplitter()
    events = [event for _ in range(8192) for event in splitter.feed(b"x" * 1024)]
    events += splitter.feed(b"\r\n\r\n")
    events += splitter.end()

    assert [len(event.raw) for event in events] == [8192 * 1024 + 4]
