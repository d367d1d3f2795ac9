"""Refusals: an HTTP status with OpenAI's error body, raised anywhere and answered in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

ODD: Final = (TypeError, AttributeError, KeyError, ValueError, OverflowError, RecursionError)
"""What values of types that nobody foresaw raise, somewhere inside a request body."""


class Refusal(Exception):
    """A request that is answered with an error.

    `body` is OpenAI's form, `{"error": {"message", "type", "param", "code"}}`; `headers` are
    added to the usual ones. Nothing is billed for a refused request.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, object]:
        """The JSON that is sent."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def bad(message: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    """A 400: the request is wrong and will not get better by repeating it."""
    return Refusal(400, message, param=param, code=code)


def unsupported(param: str, hint: str = "") -> Refusal:
    """A parameter that this model never takes."""
    text = f"Unsupported parameter: '{param}' is not supported with this model."
    return bad(f"{text} {hint}".rstrip(), param=param, code="unsupported_parameter")


def unsupported_value(param: str, value: object, hint: str) -> Refusal:
    """A parameter that this model takes, with another value."""
    shown = f"'{value}'" if isinstance(value, str) else value
    return bad(
        f"Unsupported value: '{param}' does not support {shown} with this model. {hint}",
        param=param,
        code="unsupported_value",
    )


def missing(param: str) -> Refusal:
    """A required parameter that is absent."""
    return bad(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def wrong_type(param: str, expected: str, got: object) -> Refusal:
    """A parameter of the wrong JSON type."""
    return bad(
        f"Invalid type for '{param}': expected {expected}, but got {_json_type(got)} instead.",
        param=param,
        code="invalid_type",
    )


def not_found(message: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    """A 404: no such path or object."""
    return Refusal(404, message, param=param, code=code)


def _json_type(value: object) -> str:
    names = ((bool, "a boolean"), (int, "an integer"), (float, "a decimal"), (str, "a string"))
    for kind, name in (*names, (list, "an array"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "null"


@contextmanager
def odd_is_refused() -> Iterator[None]:
    """Refuse a body with a value of a type that nobody foresaw, as OpenAI does."""
    try:
        yield
    except ODD as error:
        raise bad(f"Invalid request body: {type(error).__name__}: {error}", code="invalid_type") from error
