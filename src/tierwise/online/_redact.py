"""Text without what must not be kept: every string of a JSON body, names of fields and numbers too.

What cannot be made clean is left out whole, never kept as it was.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, Final

from tierwise.online._patterns import BUILT_IN, MARKS, Spans
from tierwise.policy import KEYS, Keep, Redaction

ROUNDS: Final = 8
"""Times that a text is looked through; what changes still after that is left out whole."""
MOST: Final = 4_000_000
"""Characters of one body that are looked through; texts after them are left out, so that no body holds others up."""
LONG: Final = 4_096
"""Characters from which a text of base64 alone is a medium, and left out."""
DIGITS: Final = 1_000
"""Digits of the longest whole number that is kept as one."""
_BASE64: Final = re.compile(r"(?:data:[\w.+/;=-]{0,100}+,)?+[A-Za-z0-9+/_=\r\n-]++", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{8}")


class Redactor:
    """Takes out of text what a policy names, and keys always."""

    def __init__(self, keep: Keep) -> None:
        self._spans: list[tuple[str, Spans]] = [(name, _own(text)) for name, text in keep.patterns.items()]
        self._spans += [
            (name, _where(name, spans))
            for name, spans in BUILT_IN.items()
            if name in keep.redact or name in KEYS
        ]
        names = "|".join(re.escape(name) for name in (*keep.patterns, *BUILT_IN, "text"))
        self._left = MOST
        self._marks = re.compile(rf"(\[redacted:(?:{names})\])")

    def body(self, body: bytes) -> bytes:
        """A body as JSON without what is to be taken out; one that cannot be read becomes one text."""
        self._left = MOST
        try:
            value = _parsed(body.decode("utf-8"))
            return _encoded(self.value(value))
        except (ValueError, RecursionError):
            return _encoded(self.text(body.decode("utf-8", "replace")))

    def value(self, value: Any) -> Any:
        """A value of JSON, its texts, field names and numbers clean. Raises RecursionError."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._fields(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, bool) or value is None:
            return value
        written = json.dumps(value)
        if _NUMBER.search(written) is None:
            return value
        clean = self.text(written)
        return value if clean == written else clean

    def text(self, text: str) -> str:
        """A text without what is to be taken out."""
        if len(text) >= LONG and (len(text) > self._left or _BASE64.fullmatch(text) is not None):
            return f"[left out: {len(text)} characters]"
        self._left -= len(text)
        for _ in range(ROUNDS):
            clean = self._once(text)
            if clean == text:
                return clean
            text = clean
        return "[redacted:text]"

    def _once(self, text: str) -> str:
        if text[:1] in "{[" and text[-1:] in "}]":
            text = self._within(text)
        for name, spans in self._spans:
            text = self._without(text, f"[redacted:{name}]", spans)
        return text

    def _within(self, text: str) -> str:
        """A text that is JSON itself, as tools are called with, its parts clean and JSON still."""
        try:
            value = _parsed(text)
            clean = self.value(value)
            return text if clean == value else _encoded(clean).decode()
        except (ValueError, RecursionError):
            return text

    def _without(self, text: str, mark: str, spans: Spans) -> str:
        """Each place of a text replaced by a mark; marks that stand there already are not looked into."""
        if "[redacted:" not in text:
            return _cut(text, mark, spans)
        return "".join(
            part if place % 2 else _cut(part, mark, spans)
            for place, part in enumerate(self._marks.split(text))
        )

    def _fields(self, value: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, each in value.items():
            clean, number = self.text(name), 1
            known = clean
            while known in found:
                # Two names that are one without what was taken out: none of them is lost.
                number += 1
                known = f"{clean} {number}"
            found[known] = self.value(each)
        return found


def _own(pattern: str) -> Spans:
    found = re.compile(pattern)
    return lambda text: (match.span() for match in found.finditer(text))


def _where(name: Redaction, spans: Spans) -> Spans:
    """A pattern that is looked for only where its mark stands."""
    mark = MARKS.get(name)
    return spans if mark is None else lambda text: spans(text) if mark.search(text) else iter(())


def _cut(text: str, mark: str, spans: Spans) -> str:
    parts, at = [], 0
    for start, end in spans(text):
        if start >= at:
            parts += [text[at:start], mark]
            at = end
    return "".join((*parts, text[at:])) if parts else text


def _parsed(text: str) -> Any:
    """JSON as it stands: half a character stays one. Raises ValueError, RecursionError."""
    return json.loads(text, parse_int=_whole, parse_float=_real, parse_constant=_no_number)


def _whole(written: str) -> int | str:
    return int(written) if len(written) <= DIGITS else written


def _real(written: str) -> float | str:
    number = float(written)
    return number if isfinite(number) else written


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _encoded(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a character can only be written as an escape.
        return json.dumps(value, separators=(",", ":")).encode()
