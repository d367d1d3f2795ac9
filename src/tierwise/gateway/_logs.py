"""The log: one line an event on standard error, as text or as JSON, with no key and no text of a call in it.

Every logger of the process goes through here, those of the packages below us too. What an exception
of theirs says is left out, since it may quote what it choked on; its kind and its places are kept.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal, TextIO

import msgspec

from tierwise.errors import TierwiseError
from tierwise.gateway._watch import CALLS

Form = Literal["text", "json"]
LEVELS: Final = ("debug", "info", "warning", "error")
LONGEST: Final = 2_000
"""Characters of a message; the rest is cut."""
DEEPEST: Final = 12
"""Places of an exception that are told, the innermost."""
_KEY: Final = re.compile(r"(?:(?<![a-z0-9])|(?<=%[0-9a-f]{2}))(sk|tw)-[\w\-]{6,}", re.ASCII | re.IGNORECASE)
"""OpenAI's keys and ours, whatever kind they are of, also within an escaped address; not 'task-list'."""
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[^\s,;'\"]+")
_PASSWORD: Final = re.compile(r"(://[^\s/:@]*):[^\s/@]+@")
"""Of an address with a name and a password in it."""


def scrub(text: str) -> str:
    """A text without anything that looks like a key, and on one line."""
    clean = _KEY.sub(r"\1-***", _PASSWORD.sub(r"\1:***@", _BEARER.sub(r"\1 ***", text)))
    line = clean
    if not clean.isprintable():
        line = "".join(letter if letter.isprintable() else _escaped(letter) for letter in clean)
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."


@contextmanager
def logging_to(stream: TextIO, form: Form, *, level: str = "info", calls: bool = False) -> Iterator[None]:
    """Have every logger of the process write to a stream, for as long as the block runs.

    Args:
        stream: Where lines go.
        form: How they look.
        level: Of our own loggers, one of LEVELS; those of other packages begin at 'warning'.
        calls: Whether the line that each call has is let through whatever the level is.
    """
    root, ours, lines = (logging.getLogger(name) for name in (None, "tierwise", CALLS))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    before, levels = root.handlers[:], (root.level, ours.level, lines.level)
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(level.upper())
    lines.setLevel(logging.INFO if calls else level.upper())
    try:
        yield
    finally:
        root.handlers[:] = before
        for logger, was in zip((root, ours, lines), levels, strict=True):
            logger.setLevel(was)


class JsonLines(logging.Formatter):
    """A JSON object a line: time, level, event, and the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its break."""
        return msgspec.json.encode(_told(record)).decode()


class TextLines(logging.Formatter):
    """Time, level, event, then name=value for each field."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its break."""
        told = _told(record)
        head = f"{told.pop('time')} {told.pop('level'):<7} {told.pop('event')}"
        told.pop("logger")
        return " ".join((head, *(f"{name}={_quoted(value)}" for name, value in told.items())))


def _told(record: logging.LogRecord) -> dict[str, Any]:
    """What a line says, scrubbed; fields without a value are left out."""
    try:
        event = record.getMessage()
    except Exception:  # noqa: BLE001 - a message that does not fit its arguments is told without them
        event = str(record.msg)
    if not record.name.startswith("tierwise"):
        # Below its first line asyncio, for one, writes out an exception with all that it says.
        event = event.partition("\n")[0]
    at = dt.datetime.fromtimestamp(record.created, dt.UTC)
    found: dict[str, Any] = {
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": scrub(event),
        "logger": record.name,
    }
    fields = getattr(record, "fields", None)
    if isinstance(fields, Mapping):
        found |= {
            name: scrub(value) if isinstance(value, str) else value
            for name, value in fields.items()
            if value is not None and name not in found
        }
    if record.exc_info and record.exc_info[1] is not None:
        found["exception"] = scrub(_history(record.exc_info[1]))
    return found


def _history(fault: BaseException) -> str:
    """An exception and up to two that led to it, in a line."""
    chain: list[str] = []
    now: BaseException | None = fault
    while now is not None and len(chain) < 3:
        chain.append(_one(now))
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)
    return "; after ".join(chain)


def _one(fault: BaseException) -> str:
    """Its kind, what it says where it is ours, and where it came from."""
    said = type(fault).__name__
    if isinstance(fault, TierwiseError):
        said += f": {fault}"
    elif isinstance(fault, OSError) and fault.strerror:
        said += f": {fault.strerror}"
    places = traceback.extract_tb(fault.__traceback__)[-DEEPEST:]
    if places:
        said += " at " + " < ".join(
            f"{place.filename.rpartition('/')[2]}:{place.lineno} {place.name}" for place in reversed(places)
        )
    return said


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return (
        msgspec.json.encode(text).decode() if not text or " " in text or '"' in text or "=" in text else text
    )
