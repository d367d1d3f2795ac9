"""Input files read line by line: what is a request, and why something is none."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.batch import BadLine, JobLine, Reader, check, read_lines

GOOD = {
    "custom_id": "a",
    "method": "POST",
    "url": "/v1/responses",
    "body": {"model": "gpt-5.5", "input": "Hi"},
}


def line(**changed: object) -> bytes:
    return msgspec.json.encode(
        {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    )


def read(*lines: bytes, endpoint: str | None = "/v1/responses") -> list[JobLine | BadLine]:
    return list(Reader(endpoint).read(lines))


def test_a_request_keeps_the_bytes_of_its_body() -> None:
    raw = b'{"custom_id":"\xc3\xa9","url":"/v1/responses","body":{"model":"m",  "input":"\\u00e9"}}'
    assert read(raw) == [
        JobLine(
            number=1,
            custom_id="é",
            path="/v1/responses",
            model="m",
            body=b'{"model":"m",  "input":"\\u00e9"}',
        )
    ]


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (b"\xff\xfe", "invalid_json_line", None),
        (b'{"custom_id":"\\ud800"}', "invalid_json_line", None),
        (b"[" * 100_000, "invalid_json_line", None),
        (line(custom_id=None), "missing_required_parameter", "custom_id"),
        (line(custom_id=7), "missing_required_parameter", "custom_id"),
        (line(custom_id="x" * 600), "missing_required_parameter", "custom_id"),
        (line(method="GET"), "invalid_method", "method"),
        (line(url="/v1/chat/completions"), "invalid_url", "url"),
        (line(url="/v1/decisions"), "invalid_url", "url"),
        (line(url=None), "invalid_url", "url"),
        (line(body="text"), "missing_required_parameter", "body"),
        (line(body=None), "missing_required_parameter", "body"),
        (line(body={"input": "Hi"}), "missing_required_parameter", "body.model"),
        (line(body={"model": "m", "stream": True}), "invalid_stream", "body.stream"),
        (
            line(body={"model": "m", "metadata": {"deadline": "0s"}}),
            "invalid_deadline",
            "body.metadata.deadline",
        ),
        (
            line(body={"model": "m", "metadata": {"deadline": "-5m"}}),
            "invalid_deadline",
            "body.metadata.deadline",
        ),
    ],
)
def test_what_is_no_request_is_named_with_its_line_and_reason(
    raw: bytes, code: str, param: str | None
) -> None:
    found = read(b"", line(custom_id="first"), raw)
    bad = found[1]
    assert isinstance(bad, BadLine)
    assert (bad.number, bad.problem.line, bad.problem.code, bad.problem.param) == (3, 3, code, param)
    assert isinstance(found[0], JobLine), "the rest is unharmed"


def test_the_first_of_two_lines_with_one_custom_id_stands() -> None:
    first, second = read(line(), line())
    assert isinstance(first, JobLine)
    assert isinstance(second, BadLine)
    assert second.problem.code == "duplicate_custom_id"


@pytest.mark.parametrize(
    ("bare", "path"),
    [
        ({"model": "m", "input": "Hi"}, "/v1/responses"),
        ({"model": "m", "messages": []}, "/v1/chat/completions"),
        ({"model": "m", "prompt": "Hi"}, "/v1/completions"),
        ({"model": "text-embedding-3-small", "input": "Hi"}, "/v1/embeddings"),
    ],
)
def test_a_bare_body_is_a_request_where_each_line_may_name_its_endpoint(
    bare: dict[str, object], path: str
) -> None:
    (found,) = read(msgspec.json.encode({"custom_id": "a", **bare}), endpoint=None)
    assert isinstance(found, JobLine)
    assert (found.path, msgspec.json.decode(found.body)) == (path, bare)


def test_a_file_without_lines_or_with_too_many_is_none() -> None:
    assert [(p.code, p.line) for p in check([b"", b" "], "/v1/responses").problems] == [("empty_file", None)]
    over = check([line(custom_id=str(n)) for n in range(6)], "/v1/responses", most_lines=5)
    assert (over.failed, [(p.code, p.line) for p in over.problems]) == (True, [("too_many_requests", 6)])
    assert check([b"{", line()], "/v1/responses").failed is False
    assert check([b"{", b"["], "/v1/responses").failed is True


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 300), max_size=10))
def test_lines_are_the_same_however_the_pieces_are_cut(content: bytes, cuts: list[int]) -> None:
    content = content.replace(b"a", b"\n")
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    pieces = (content[a:b] for a, b in zip(places, places[1:] or [0], strict=False))
    expected = content.split(b"\n")
    assert list(read_lines(pieces)) == (expected if expected[-1] else expected[:-1])


@given(raw=st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_no_bytes_make_the_reader_fail(raw: bytes) -> None:
    for found in read(*raw.split(b"\n"), endpoint=None):
        assert isinstance(found, JobLine | BadLine)
