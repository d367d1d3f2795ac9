"""Instructions cut into lines and sentences, each masked and hashed under a key.

A segment's digest is two halves: the upper 32 bits hash its loose form (names and values
masked too), the lower 32 its masked form. Segments that differ in nothing but a name share
the upper half, and learning can tell a slot by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain

import msgspec

from tierwise.catalog import count_tokens
from tierwise.workloads._estimate import estimate_text
from tierwise.workloads._mask import MASK, label_of, loosen, mask
from tierwise.workloads._memo import Memo

LOOSE = 0xFFFFFFFF_00000000
"""Keeps the half of a segment's digest that a name does not change."""
LABEL = 1 << 32
"""Set in the digest of a line such as 'Task: ...', whose loose form is its label alone."""
_UNMARKED = LOOSE & ~LABEL
LONGEST = 65_536
"""Characters of instructions that are cut into segments."""
MOST_SEGMENTS = 512

_LINES = re.compile(r"[^\n]*\n(?:[ \t\r]*\n)*|[^\n]+")
_SENTENCES = re.compile(r"(?<=[.!?…])[\"')\]]?\s+(?=[^\sa-z])|(?<=[。\uff01\uff1f।])(?=.)")
_BLOCK = re.compile(
    r"""<((?:retrieved|search|user|customer|chat|relevant|reference|current)?[_-]?(?:
    contexts?|documents?|docs?|passages?|chunks?|articles?|sources?|snippets?|results?|texts?|inputs?|query|
    question|emails?|message|transcript|conversation|history|memory|memories|profile|data|content|page|
    knowledge|excerpts?|file|review|ticket|user|customer|date|time))(?:\s[^<>\n]{0,200})?>|\"\"\"|'''""",
    re.VERBOSE | re.IGNORECASE,
)
"""Opens text that is put into a template: tags whose names say so, and triple quotes."""
_PASSAGES = re.compile(
    r"[#*\s]*(?:retrieved |relevant |search |reference )?(?:contexts?|passages?|documents?|sources?|results?|"
    r"excerpts?|snippets?|transcript|conversation|history|kontext|dokumente|contexto|documentos|contexte|"
    r"contesto|контекст|上下文|文档|資料|文脈|문맥|문서)[*\s]*[:\uff1a][*\s]*",
    re.IGNORECASE,
)
"""A line that is only such a label: the paragraph after it is what was retrieved."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """What one line of instructions yields; the same for the same line, so it is remembered."""

    segments: tuple[int, ...]
    texts: tuple[str, ...]
    """Masked text of each segment."""
    tokens: int
    opens: bool = False
    """It is only a label, right above what was retrieved."""


class Digester:
    """Hashes text to 64 bits under a key; nothing else is kept."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        # The key goes in front of the data: BLAKE2 cannot be extended, and copying a state
        # that has taken it in costs half of a keyed hash.
        self._keyed = blake2b(b"%d\x1f%b" % (len(key), key), digest_size=8)

    def state(self) -> blake2b:
        """A running hash, for prefixes."""
        return self._keyed.copy()

    def of(self, data: bytes) -> int:
        """Digest of bytes, never 0."""
        state = self._keyed.copy()
        state.update(data)
        return int.from_bytes(state.digest(), "little") or 1

    def text(self, text: str) -> int:
        """Digest of a text, never 0."""
        state = self._keyed.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little") or 1

    def segment(self, masked: str) -> int:
        """Digest of a masked segment: loose form above, masked form below; neither half is 0."""
        loose = self.text("~" + loosen(masked)) & _UNMARKED
        mark = LABEL if label_of(masked) is not None else 0
        return (loose or 2 << 32) | mark | ((self.text(masked) & 0xFFFFFFFF) or 1)


def _has_blocks(text: str) -> bool:
    return ("<" in text and "</" in text) or '"""' in text or ("'" in text and "'''" in text)


def _opens_passage(raw: str) -> bool:
    """Whether a line is only a label such as 'Context:', right above what was retrieved."""
    return len(raw) < 48 and raw.count("\n") == 1 and _PASSAGES.fullmatch(raw) is not None


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of every delimited text put into the template."""
    if not _has_blocks(text):
        return
    unclosed: set[str] = set()
    at = 0
    while (found := _BLOCK.search(text, at)) is not None:
        name = (found[1] or found[0]).lower()
        at = found.end()
        if name in unclosed:
            continue
        close = f"</{found[1]}>" if found[1] else found[0]
        end = text.find(close, at)
        if end < 0:
            unclosed.add(name)
            continue
        yield found.start(), end + len(close), name
        at = end + len(close)


class Cutter:
    """Cuts instructions; remembers lines, because a changed date leaves all other lines as they were."""

    def __init__(self, digester: Digester, *, entries: int = 32_768, weight: int = 8_000_000) -> None:
        self._digester = digester
        self._lines: Memo[str, Line] = Memo(entries=entries, weight=weight)
        self._middles: Memo[str, Line] = Memo(entries=1_024, weight=weight)

    def cut(self, text: str) -> list[Line]:
        """The lines of `text` in order, or what lines among them come to together.

        At most `LONGEST` characters and `MOST_SEGMENTS` segments.
        """
        if len(text) <= LONGEST and text.count("\n") < MOST_SEGMENTS // 4 and not _has_blocks(text):
            # Nothing but lines, and few enough: true of most texts.
            plain = self._plain(text)
            if not any(line.opens for line in plain):
                return plain
        lines: list[Line] = []
        left, read = MOST_SEGMENTS, 0
        for piece, name in self._pieces(text[:LONGEST]):
            if left <= 0:
                break
            line = self._block(name, piece) if name else self._line(piece)
            left -= len(line.segments)
            read += len(piece)
            lines.append(line)
        if read < len(text):
            lines.append(Line(segments=(), texts=(), tokens=estimate_text(text[read:])))
        return lines

    def _plain(self, text: str) -> list[Line]:
        """The first line, those between as one, the last: a date stands in the first or the last."""
        first = _LINES.match(text)
        if first is None:
            return []
        start, end = first.end(), text.rfind("\n") + 1
        if end <= start:
            return [self._line(raw) for raw in _LINES.findall(text)]
        between = text[start:end]
        middle = self._middles.get(between)
        if middle is None:
            middle = self._middles.put(between, self._together(between), 2 * len(between) + 200)
        lines = [self._line(first[0]), middle]
        if end < len(text):
            lines.append(self._line(text[end:]))
        return lines

    def _together(self, text: str) -> Line:
        """What the lines of a text come to."""
        raws = _LINES.findall(text)
        lines = [known or self._line(raw) for known, raw in zip(self._lines.get_all(raws), raws, strict=True)]
        return Line(
            segments=tuple(chain.from_iterable([line.segments for line in lines])),
            texts=tuple(chain.from_iterable([line.texts for line in lines])),
            tokens=sum([line.tokens for line in lines]),
            opens=any(line.opens for line in lines),
        )

    def _pieces(self, text: str) -> Iterator[tuple[str, str]]:
        """Lines, and delimited texts with the name of what delimits them."""
        at = 0
        for start, end, name in _blocks(text):
            yield from _lines(text[at:start])
            yield text[start:end], name
            at = end
        yield from _lines(text[at:] if at else text)

    def _line(self, raw: str) -> Line:
        line = self._lines.get(raw)
        if line is None:
            line = self._lines.put(raw, self._read(raw), 2 * len(raw) + 200)
        return line

    def _read(self, raw: str) -> Line:
        texts = []
        for sentence in _SENTENCES.split(raw.strip()) if raw else ():
            masked = " ".join(mask(sentence).split())
            if any(map(str.isalpha, masked)) or masked.startswith("```"):
                texts.append(masked)
        segment = self._digester.segment
        return Line(
            segments=tuple([segment(text) for text in texts]),
            texts=tuple(texts),
            tokens=count_tokens(raw),
            opens=_opens_passage(raw),
        )

    def _block(self, name: str, raw: str) -> Line:
        """A delimited text: its name stays, its content is masked and its tokens are estimated."""
        text = f"<{name}>{MASK}" if name.isidentifier() or "-" in name else MASK
        return Line(segments=(self._digester.segment(text),), texts=(text,), tokens=estimate_text(raw))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Lines with the blank ones after them; a paragraph under 'Context:' comes as one block."""
    passage: list[str] = []
    label = ""
    for raw in _LINES.findall(text):
        if label:
            passage.append(raw)
            if raw.endswith("\n\n") or raw.count("\n") > 1:
                yield "".join(passage), label
                passage, label = [], ""
        else:
            yield raw, ""
            if _opens_passage(raw):
                label = "passages"
    if passage:
        yield "".join(passage), label
