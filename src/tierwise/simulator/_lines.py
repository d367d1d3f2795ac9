"""Input files of batches: reading their lines, and what makes a whole file invalid."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from tierwise.simulator._ask import Json

ENDPOINTS: Final = ("/v1/responses", "/v1/chat/completions", "/v1/embeddings")
_MOST: Final = 50_000
_LARGEST: Final = 200_000_000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a batch."""

    custom_id: str
    body: Json
    number: int
    """From 1."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a batch failed before it began, as in `errors.data`."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


def read_lines(content: bytes, endpoint: str) -> tuple[list[Line], list[Problem]]:
    """The requests of a file, and its problems; with any problem the batch fails."""
    if len(content) > _LARGEST:
        return [], [Problem(code="file_too_large", message="The input file is larger than 200 MB.")]
    lines: list[Line] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    models: set[str] = set()
    for number, raw in enumerate(content.splitlines(), 1):
        if not raw.strip():
            continue
        found = _line(raw, number, endpoint)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        if found.custom_id in seen:
            problems.append(_problem("duplicate_custom_id", f"The custom_id '{found.custom_id}' is used more than once.", number, "custom_id"))  # fmt: skip
        seen.add(found.custom_id)
        models.add(str(found.body.get("model")))
        if len(models) > 1:
            problems.append(_problem("mismatched_model", "All requests in a batch must use the same model.", number, "body.model"))  # fmt: skip
            break
        lines.append(found)
    if not lines and not problems:
        problems.append(Problem(code="empty_file", message="The input file is empty."))
    if len(lines) > _MOST:
        problems.append(Problem(code="too_many_requests", message="A batch holds at most 50,000 requests."))
    return lines, problems


def _problem(code: str, message: str, line: int, param: str) -> Problem:
    return Problem(code=code, message=message, line=line, param=param)


def _line(raw: bytes, number: int, endpoint: str) -> Line | Problem:
    try:
        found: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return Problem(
            code="invalid_json_line", message="This line is not parseable as valid JSON.", line=number
        )
    if not isinstance(found, dict):
        return Problem(code="invalid_json_line", message="This line is not a JSON object.", line=number)
    for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
        if not isinstance(found.get(name), kind):
            return _problem(
                "missing_required_parameter", f"Missing required parameter: '{name}'.", number, name
            )
    if found["method"] != "POST":
        return _problem(
            "invalid_method", f"Invalid method '{found['method']}'. Only POST is allowed.", number, "method"
        )
    if found["url"] != endpoint:
        return _problem("invalid_url", "The URL provided for this request does not match the batch's endpoint.", number, "url")  # fmt: skip
    return Line(custom_id=found["custom_id"], body=found["body"], number=number)
