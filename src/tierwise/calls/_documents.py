"""Records of a JSON document, one at a time, so that a large array fits in memory.

The standard decoder finds where each value ends; the text between is handed on as it stands,
so numbers keep their digits.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from tierwise.calls._format import BadRecord
from tierwise.calls._sources import LONGEST

_SPACE = re.compile(r"[ \t\r\n]*")
_NEAR_END = 256
"""Characters: an error this close to the end of what was read may be a value cut in two."""


class _Text:
    """Text read so far and a place in it; grows from blocks, forgets what is behind."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.blocks = iter(blocks)
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.buffer = ""
        self.at = 0
        self.ended = False
        self.fault: BadRecord | None = None

    def more(self) -> bool:
        """Read at least as much again; False at the end, or where the source breaks off."""
        if self.ended:
            return False
        parts = [self.buffer[self.at :]]
        wanted, got = max(len(parts[0]), 1), 0
        try:
            while got < wanted:
                block = next(self.blocks, None)
                self.ended = block is None
                piece = self.decoder.decode(block or b"", final=block is None)
                parts.append(piece)
                got += len(piece)
                if self.ended:
                    break
        except UnicodeDecodeError:
            self.fault, self.ended = BadRecord("wrong encoding", "the document is not UTF-8"), True
        except BadRecord as fault:
            self.fault, self.ended = fault, True
        self.buffer, self.at = "".join(parts), 0
        return got > 0

    def peek(self) -> str:
        """The next character that is not white space, '' at the end."""
        while True:
            self.at = _SPACE.match(self.buffer, self.at).end()  # type: ignore[union-attr]  # always matches
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def value(self) -> str:
        """The text of the next value. Raises BadRecord: 'not JSON', 'line too long', ..."""
        decode = json.JSONDecoder().raw_decode
        self.peek()
        while True:
            try:
                _, end = decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos >= len(self.buffer) - _NEAR_END
                if len(self.buffer) - self.at > LONGEST:
                    raise BadRecord("line too long", f"a record of more than {LONGEST} characters") from None
                if cut and self.more():
                    continue
                raise self.fault or BadRecord("not JSON", f"{error.msg}; the rest is not read") from None
            except RecursionError:
                raise BadRecord("nested too deeply", "the rest of the document is not read") from None
            # A number at the very end may go on in the next block.
            if end == len(self.buffer) and self.buffer[end - 1].isdigit() and self.more():
                continue
            found = self.buffer[self.at : end]
            self.at = end
            return found


def records(blocks: Iterable[bytes], wrappers: tuple[str, ...] = ()) -> Iterator[bytes]:
    """Each record as raw JSON: elements of top-level arrays, and whole top-level objects.

    Args:
        blocks: UTF-8 bytes of the document (or of several, one after another).
        wrappers: Keys of a top-level object whose array's elements are records too; with
            any, objects that hold none of them yield nothing.

    Raises:
        BadRecord: The document breaks off or is no JSON; what came before was yielded.
    """
    text = _Text(blocks)
    while head := text.peek():
        if head == "[":
            yield from _elements(text)
        elif head == "{" and wrappers:
            yield from _members(text, wrappers)
        else:
            yield text.value().encode("utf-8", "replace")
    if text.fault:
        raise text.fault


def _elements(text: _Text) -> Iterator[bytes]:
    text.at += 1
    while (head := text.peek()) != "]":
        if head == ",":
            text.at += 1
            continue
        if not head:
            raise text.fault or BadRecord("not JSON", "the document ends inside an array")
        yield text.value().encode("utf-8", "replace")
    text.at += 1


def _members(text: _Text, wrappers: tuple[str, ...]) -> Iterator[bytes]:
    text.at += 1
    while (head := text.peek()) != "}":
        if head == ",":
            text.at += 1
            continue
        if head != '"':
            raise text.fault or BadRecord("not JSON", "expected a key; the rest is not read")
        key = json.loads(text.value())
        if text.peek() != ":":
            raise text.fault or BadRecord("not JSON", "expected a colon; the rest is not read")
        text.at += 1
        if text.peek() == "[" and key in wrappers:
            yield from _elements(text)
        else:
            text.value()
    text.at += 1
