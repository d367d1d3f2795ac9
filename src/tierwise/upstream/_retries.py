"""Which replies may be asked for again, and after how long.

The table is openai-facts 5.1, from OpenAI's error-codes and rate-limits guides and the retry rules
of the openai 3.57 SDK:

| reply | again? |
|---|---|
| any, with a spend or quota code | never, whatever `error.type` or `x-should-retry` says |
| `x-should-retry: false` / `true` on an error | no / yes |
| 429 `slow_down` | yes, slower |
| 429 otherwise (rate limit, flex without capacity) | yes |
| 408, 409, 500, 502, 503, 504 | yes |
| everything else (context, parameters, keys, models) | no |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import msgspec

from tierwise.calls import Retries

SPENT = frozenset(
    {
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
        # Older names of the same, still given by compatible servers.
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_quota",
    }
)
"""Codes that say the money is gone: asking again cannot help and can hide it."""
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
_SLOWER = 4.0
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What to do about an error reply."""

    again: bool
    reason: str
    """Status and code, for the record of the attempt."""
    asked: float | None = None
    """Seconds that upstream asks to wait, if it does."""
    slower: bool = False
    """Traffic ramps too fast: wait longer than the usual backoff."""


class _Fault(msgspec.Struct, frozen=True, gc=False):
    code: str | int | None = None
    type: str | None = None


class _ErrorBody(msgspec.Struct, frozen=True, gc=False):
    error: _Fault | str | None = None


_DECODER = msgspec.json.Decoder(_ErrorBody, strict=False)


def verdict(
    status: int, header: Callable[[str], str | None], body: bytes, *, now: Callable[[], float]
) -> Verdict:
    """Judge an error reply (status 400 or more) by status, headers and error code.

    Args:
        status: The HTTP status.
        header: Gives a header's value by lower-case name.
        body: The body, not compressed; one that is not OpenAI's form counts as without code.
        now: Unix seconds, asked only for a `retry-after` date.
    """
    code, kind = _code_and_type(body)
    name = code or kind
    reason = f"{status} {name}" if name else str(status)
    if code in SPENT or (code is None and kind in SPENT):
        return Verdict(again=False, reason=reason)
    told = (header("x-should-retry") or "").strip().lower()
    again = told == "true" or (told != "false" and status in _AGAIN)
    if not again:
        return Verdict(again=False, reason=reason)
    return Verdict(again=True, reason=reason, asked=asked_wait(header, now=now), slower=code == "slow_down")


def _code_and_type(body: bytes) -> tuple[str | None, str | None]:
    try:
        fault = _DECODER.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None
    if not isinstance(fault, _Fault):
        return None, None
    return _name(fault.code), _name(fault.type)


def _name(value: str | int | None) -> str | None:
    """The value where it is a code; free text could quote a prompt or a key."""
    text = str(value) if value is not None else ""
    return text if _CODE.match(text) else None


def asked_wait(header: Callable[[str], str | None], *, now: Callable[[], float]) -> float | None:
    """Seconds to wait by `retry-after-ms`, else `retry-after` (seconds or an HTTP date).

    A date is measured against the reply's own `date`, where it has one, so that a clock that is
    wrong here does not matter. None where there is no sensible positive number.
    """
    millis = _positive(header("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    text = header("retry-after")
    seconds = _positive(text)
    if seconds is not None:
        return seconds
    until = _unix(text)
    if until is None:
        return None
    since = _unix(header("date"))
    wait = until - (now() if since is None else since)
    return wait if wait > 0 else None


def _positive(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 < number < 1e9 else None


def _unix(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def wait_before(
    number: int, retries: Retries, chance: Callable[[], float], found: Verdict | None = None
) -> float | None:
    """Seconds to wait before attempt `number` (from 2); None where upstream asks for too long.

    Without a wait asked for: drawn evenly between 0 and `first_wait * 2 ** (number - 2)`, at most
    `most_wait` (full jitter, after Brooker, 'Exponential backoff and jitter'); for `slow_down`
    between one and two times a bound four times larger. With one: that, and up to a tenth more.

    Args:
        number: The attempt that would come.
        retries: The limits.
        chance: Gives a number between 0 and 1.
        found: What the last reply said; None after a failed connection.
    """
    if found is not None and found.asked is not None:
        return None if found.asked > retries.most_asked else found.asked * (1 + 0.1 * chance())
    bound = min(retries.most_wait, retries.first_wait * 2.0 ** min(number - 2, 32))
    if found is not None and found.slower:
        return bound * _SLOWER * (1 + chance())
    return bound * chance()
