"""Forms with files are read as they come, wherever the pieces are cut."""

from __future__ import annotations

import itertools

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.errors import RequestError
from tierwise.gateway._multipart import Form, Part, boundary_of


def parts(pieces: list[bytes], boundary: bytes) -> list[tuple[str, str | None, bytes]]:
    form, found = Form(boundary), []
    for piece in pieces:
        for one in form.feed(piece):
            if isinstance(one, Part):
                found.append((one.name, one.filename, b""))
            else:
                name, filename, content = found[-1]
                found[-1] = (name, filename, content + one)
    assert form.ended
    return found


@given(content=st.binary(max_size=300) | st.just(b"\r\n--x\r\n--"), cuts=st.lists(st.integers(0, 500)))
def test_a_form_reads_the_same_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    request = httpx2.Request(
        "POST", "http://a/", data={"purpose": "batch"}, files={"file": ("in ü.jsonl", content)}
    )
    body, boundary = request.read(), boundary_of(request.headers["content-type"])
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[a:b] for a, b in itertools.pairwise(places)]
    (first, second) = parts(pieces, boundary)
    assert first == ("purpose", None, b"batch")
    assert (second[0], second[2]) == ("file", content)


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nx: " + b"y" * 20_000,
        b"--b" + b"y" * 20_000,
        b"--bogus\r\n",
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        list(Form(b"b").feed(body))


@pytest.mark.parametrize(
    "said", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_a_form_without_a_boundary_is_refused(said: str) -> None:
    with pytest.raises(RequestError):
        boundary_of(said)


def test_a_form_that_stops_early_has_not_ended() -> None:
    form = Form(b"b")
    list(form.feed(b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nabc'))
    assert not form.ended
