"""Values as logs write them, turned into ours, or refused by a constant reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.catalog import Tokens, disjoint_tokens
from tierwise.errors import ImpossibleUsage

EARLIEST = 1_420_070_400_000_000
"""2015-01-01 UTC in microseconds: before it there was no such API, so the date is damaged."""
LATEST = 4_102_444_800_000_000
"""2100-01-01 UTC in microseconds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_END = 10**11
_MILLIS_END = 10**14
_MICROS_END = 10**17


def decoded(raw: bytes | str) -> Any:
    """Parse JSON strictly (no NaN, no Infinity).

    Raises:
        BadRecord: 'not JSON', 'not a number' (a NaN or Infinity), 'wrong encoding'.
    """
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        whole = _with_whole_characters(raw)
        if whole is not None:
            return decoded(whole)
        raise BadRecord(*json_fault(raw, error)) from None
    except UnicodeDecodeError as error:
        raise BadRecord("wrong encoding", f"byte {error.start} is not UTF-8") from None
    except UnicodeEncodeError:
        raise BadRecord("wrong encoding", "contains half of a character") from None
    except RecursionError:
        raise BadRecord("nested too deeply", "JSON nested beyond what can be read") from None


# An escape of any kind, so that pairs of backslashes keep their count; group 1 is half a pair.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def _with_whole_characters(raw: bytes | str) -> bytes | None:
    """The same JSON with each half of a surrogate pair as U+FFFD; None when it has no halves.

    Texts cut in the middle of an emoji are common in logs.
    """
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
    if b"\\ud" not in data and b"\\uD" not in data:
        return None
    whole = _ESCAPE.sub(lambda found: b"\\ufffd" if found.group(1) else found.group(), data)
    return whole if whole != data else None


def json_fault(raw: bytes | str, error: Exception) -> tuple[str, str]:
    """Reason and detail for JSON that does not parse; the detail holds no content."""
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
    if b"NaN" in data or b"Infinity" in data:
        return "not a number", "NaN and Infinity are not JSON; write null where a value is unknown"
    if data.count(b"\x00"):
        return "wrong encoding", "contains zero bytes; expected UTF-8 text"
    return "not JSON", str(error)[:160]


def object_from(raw: bytes | str) -> dict[str, Any]:
    """Parse one JSON object.

    Raises:
        BadRecord: as `decoded`, or 'not an object'.
    """
    value = decoded(raw)
    if not isinstance(value, dict):
        raise BadRecord("not an object", f"expected a JSON object, got {type(value).__name__}")
    return value


def exact_object(raw: bytes | str) -> dict[str, Any]:
    """Parse one JSON object with its fractions as Decimals, so that money keeps its digits.

    Raises:
        BadRecord: as `object_from`.
    """
    object_from(raw)
    found: dict[str, Any] = json.loads(raw, parse_float=Decimal)
    return found


def embedded(value: Any) -> Any:
    """A value that may be JSON written into a string: parsed when it is, as it is otherwise."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is an object (JSON in a string included), else an empty one."""
    value = embedded(value)
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str | None:
    """A non-empty string, or None for anything else. Numbers are written out."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def first(source: Mapping[str, Any], *keys: str) -> Any:
    """The first value that is not None under the keys."""
    for key in keys:
        value = source.get(key)
        if value is not None:
            return value
    return None


def labels(value: Any) -> dict[str, str]:
    """An object as string to string: scalars written out, anything nested left out."""
    out = {}
    for key, item in mapping(value).items():
        written = str(item).lower() if isinstance(item, bool) else text(item)
        if written is not None:
            out[str(key)] = written
    return out


def count(value: Any, name: str) -> int:
    """A token count. None is 0; whole floats and digits in strings are accepted.

    Raises:
        BadRecord: 'impossible usage' for a negative, fractional or non-numeric count.
    """
    if value is None or value == "":
        return 0
    if type(value) is int:
        whole = value
    elif isinstance(value, float) and value.is_integer():
        whole = int(value)
    elif isinstance(value, str) and value.strip().removesuffix(".0").isdecimal():
        whole = int(value.strip().removesuffix(".0")[:20])
    else:
        raise BadRecord("impossible usage", f"{name} must be a whole number, got {value!r:.40}")
    if whole < 0:
        raise BadRecord("impossible usage", f"{name} is negative ({whole})")
    return whole


def tokens(**counts: int) -> Tokens:
    """`catalog.disjoint_tokens`, with its refusal as a BadRecord 'impossible usage'."""
    try:
        return disjoint_tokens(**counts)
    except ImpossibleUsage as error:
        raise BadRecord("impossible usage", str(error)[:160]) from None


def money(value: Any) -> Decimal | None:
    """US dollars from a number or a string, exactly as written; None when absent.

    Raises:
        BadRecord: 'impossible amount' for NaN, infinity or text that is no number.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise BadRecord("impossible amount", "expected a number, got a boolean")
    try:
        amount = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise BadRecord("impossible amount", f"expected a number, got {value!r:.40}") from None
    if not amount.is_finite() or abs(amount.adjusted()) > 30:
        raise BadRecord("impossible amount", f"expected a finite number, got {value!r:.40}")
    return amount


def moment(value: Any) -> int | None:
    """A date in microseconds since the epoch, UTC; None when absent or ''.

    Takes epoch seconds, milliseconds, microseconds or nanoseconds (told apart by size, which
    is unambiguous between 1973 and 5138), the same in strings, and ISO 8601 (no zone means UTC).

    Raises:
        BadRecord: 'impossible date' for what is no date or lies outside 2015 to 2100.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = _from_text(value)
    elif isinstance(value, datetime):
        found = _from_datetime(value)
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadRecord("impossible date", f"expected a date, got {type(value).__name__}")
    else:
        found = _from_number(value)
    if not EARLIEST <= found < LATEST:
        raise BadRecord("impossible date", "outside 2015 to 2100")
    return found


def _from_text(value: str) -> int:
    if value[4:5] == "-":
        try:
            return _from_datetime(datetime.fromisoformat(value))
        except ValueError:
            pass  # 'UTC' or white space around it
    if value[4:5] != "-" and value[:1].isdigit() and value.replace(".", "", 1).isdecimal():
        return _from_number(Decimal(value))
    try:
        parsed = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
    except ValueError:
        raise BadRecord("impossible date", f"expected ISO 8601, got {value!r:.40}") from None
    return _from_datetime(parsed)


def _from_datetime(value: datetime) -> int:
    # A margin around the bounds, so that no zone can push the subtraction past year 1 or 9999.
    if not 2014 < value.year < 2101:
        raise BadRecord("impossible date", f"year {value.year} is outside 2015 to 2100")
    since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _from_number(value: float | Decimal) -> int:
    # Written so that a float NaN, which compares false, is refused.
    inside = (not isinstance(value, Decimal) or value.is_finite()) and -(10**20) < value < 10**20
    if not inside:
        raise BadRecord("impossible date", f"expected epoch seconds, got {value!r:.40}")
    if value < _SECONDS_END:
        return round(value * 1_000_000)
    if value < _MILLIS_END:
        return round(value * 1_000)
    if value < _MICROS_END:
        return int(value)
    return int(value) // 1_000


def real(value: Any) -> float | None:
    """A finite number, also when written as text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
