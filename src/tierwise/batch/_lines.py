"""The lines of an input file: each a request, or why it is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final

import msgspec

from tierwise.calls import BATCHED, MOST_LINES, BatchError

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
LONGEST_ID: Final = 512
"""Characters of a custom_id. Ours: OpenAI states no limit."""
_BY_FIELD: Final = (("messages", "/v1/chat/completions"), ("prompt", "/v1/completions"))


class JobLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a file."""

    number: int
    """From 1, empty lines counted."""
    custom_id: str
    path: str
    model: str
    body: bytes


class BadLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is no request."""

    number: int
    problem: BatchError
    custom_id: str | None = None


class Reader:
    """Reads lines one after another, and remembers which custom_ids came.

    Args:
        endpoint: The path that every line has to name; None lets each name its own, and takes bare
            bodies with a custom_id beside their fields too.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint
        self._met: set[bytes] = set()

    def read(self, lines: Iterable[bytes]) -> Iterator[JobLine | BadLine]:
        """What each line is; empty ones are left out. The same lines read the same way again."""
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                yield self.line(number, raw)

    def line(self, number: int, raw: bytes) -> JobLine | BadLine:
        """What one line is."""
        try:
            raw.decode()
            fields = _FIELDS.decode(raw.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _bad(number, "invalid_json_line", f"this line is not a JSON object: {error}")
        name = _text(fields.get("custom_id"))
        if not name or len(name) > LONGEST_ID:
            said = f"expected a custom_id, a text of 1 to {LONGEST_ID} characters"
            return _bad(number, "missing_required_parameter", said, "custom_id")
        mark = blake2b(name.encode(), digest_size=16).digest()
        if mark in self._met:
            return _bad(
                number, "duplicate_custom_id", "the custom_id stands on a line before", "custom_id", name
            )
        self._met.add(mark)
        return self._request(number, name, fields)

    def _request(self, number: int, name: str, fields: dict[str, msgspec.Raw]) -> JobLine | BadLine:
        if self._endpoint is None and "body" not in fields:
            fields = _wrapped(fields)
        method, path = _text(fields.get("method")) or "POST", _text(fields.get("url"))
        if method != "POST":
            return _bad(number, "invalid_method", f"expected method POST, got {method:.20}", "method", name)
        if path not in BATCHED or (self._endpoint is not None and path != self._endpoint):
            wanted = self._endpoint or f"one of {', '.join(BATCHED)}"
            return _bad(
                number, "invalid_url", f"expected url {wanted}, got {path or 'none':.100}", "url", name
            )
        body = bytes(fields.get("body") or b"null")
        try:
            inner = _FIELDS.decode(body)
        except msgspec.DecodeError:
            return _bad(number, "missing_required_parameter", "expected an object as body", "body", name)
        if bytes(inner.get("stream", b"")) == b"true":
            said = "a batch cannot stream; leave stream out"
            return _bad(number, "invalid_stream", said, "body.stream", name)
        model = _text(inner.get("model"))
        if not model:
            said = "expected the name of a model"
            return _bad(number, "missing_required_parameter", said, "body.model", name)
        if _past(inner.get("metadata")):
            said = "expected a deadline ahead, such as 15m or 24h"
            return _bad(number, "invalid_deadline", said, "body.metadata.deadline", name)
        return JobLine(number=number, custom_id=name, path=path, model=model, body=body)


def _wrapped(fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """A bare body with its custom_id, as a line that says its endpoint."""
    rest = {name: value for name, value in fields.items() if name != "custom_id"}
    path = next((path for field, path in _BY_FIELD if field in rest), "/v1/responses")
    if "embedding" in (_text(rest.get("model")) or ""):
        path = "/v1/embeddings"
    body = msgspec.Raw(msgspec.json.encode(rest))
    return {"url": msgspec.Raw(msgspec.json.encode(path)), "body": body}


class _Metadata(msgspec.Struct):
    deadline: str | None = None


_METADATA = msgspec.json.Decoder(_Metadata)
_AHEAD: Final = re.compile(r"0*[1-9][0-9]*[smhd]?", re.IGNORECASE)


def _past(metadata: msgspec.Raw | None) -> bool:
    """Whether a deadline is one that nothing can meet."""
    try:
        said = _METADATA.decode(metadata or b"{}").deadline
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return said is not None and _AHEAD.fullmatch(said.strip()) is None


def _text(raw: msgspec.Raw | None) -> str | None:
    try:
        return _TEXT.decode(raw) if raw is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _bad(
    number: int, code: str, message: str, param: str | None = None, custom_id: str | None = None
) -> BadLine:
    problem = BatchError(code=code, message=message, line=number, param=param)
    return BadLine(number=number, problem=problem, custom_id=custom_id)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file, looked through."""

    total: int
    """Lines that are not empty."""
    good: int
    problems: tuple[BatchError, ...]
    """The first of them."""
    failed: bool
    """Whether nothing of it can be sent."""


MOST_TOLD: Final = 100
"""Problems that a batch object names; the error file has all."""


def check(lines: Iterable[bytes], endpoint: str | None, most_lines: int | None = MOST_LINES) -> Checked:
    """Look a file through before any of it is sent."""
    total = good = 0
    problems: list[BatchError] = []
    for line in Reader(endpoint).read(lines):
        total += 1
        if most_lines is not None and total > most_lines:
            said = f"a batch holds at most {most_lines} requests; split the file"
            over = BatchError(code="too_many_requests", message=said, line=line.number)
            return Checked(total=total, good=0, problems=(over,), failed=True)
        if isinstance(line, JobLine):
            good += 1
        elif len(problems) < MOST_TOLD:
            problems.append(line.problem)
    if not total:
        problems.append(BatchError(code="empty_file", message="the file has no lines"))
    return Checked(total=total, good=good, problems=tuple(problems), failed=not good)


def result_line(identity: str, custom_id: str, status: int, body: bytes, request: str) -> bytes:
    """A line of an output file, or of an error file where upstream answered with an error."""
    fields: dict[str, Any] = {
        "id": identity,
        "custom_id": custom_id,
        "response": {"status_code": status, "request_id": request, "body": msgspec.Raw(body or b"null")},
        "error": None,
    }
    return msgspec.json.encode(fields) + b"\n"


def error_line(
    identity: str, custom_id: str | None, code: str | None, message: str | None, line: int | None = None
) -> bytes:
    """A line of an error file for a request without an answer; `line` is its place in the input file."""
    error: dict[str, Any] = {"code": code, "message": message}
    if line is not None:
        error["line"] = line
    fields = {"id": identity, "custom_id": custom_id, "response": None, "error": error}
    return msgspec.json.encode(fields) + b"\n"
