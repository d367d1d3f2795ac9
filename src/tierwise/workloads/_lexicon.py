"""Finds cues in text of any language: one dictionary of words, one expression for scripts without spaces.

Words are looked up whole in a lowered, unpunctuated text; a phrase is found by its longest
word and then checked. Chinese, Japanese, Korean and Thai stems are searched inside the text.
Every search is linear in the text given, and callers bound that text.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from operator import itemgetter

import msgspec

from tierwise.workloads._cues import CUES

INNER = frozenset({"zh", "ja", "ko", "th"})
"""Languages whose words are looked for inside the text."""

SMALL = ("thanks", "hello", "go ahead")
"""Cues that only ever describe a whole turn, never a part of one."""

_ASCII_NORMAL = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "+" else 32 for code in range(128)
) + bytes(range(128, 256))
"""By byte: what ASCII text reads as in lower case and without punctuation."""
_BREAKS = ",.:;!?()[]{}\"'`*#-_/\\|<>=\n\r\t\u2019\u201c\u201d\u00ab\u00bb\u00bf\u00a1\u2014\u2013\u2026\u060c\u061f\u061b\u0964"
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_WORD_OF = itemgetter(0)
_KANA = re.compile("[\u3040-\u30ff]")
_COMMON = (
    "tell look next should return phone why its has are was not can you and out for who when where why than "
    "how many much what each does this that the your with which letter number question questions only "
    "would every long using through help come present value study small correct check show "
    "which answer provide explanation will find total only three left make between some right next just "
    "list another numbers back change state water should common students function content action called call look several from into about there their have "
    "para como esta este avec pour dans vous cette nicht eine einen oder wenn werden alle alles "
    "della delle sono voor niet wordt text texte texto"
)
_NOT_LETTERS = re.compile(r"[\W\d_]+")


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A word or phrase of the lexicon: its cue and language."""

    first: str
    """The first word of the phrase, or the word itself: where it stands is where the cue stands."""
    cue: str
    language: str


class Index(msgspec.Struct, frozen=True):
    """Words of one kind of text, indexed. Never changes once built."""

    words: dict[str, tuple[tuple[str, Entry], ...]]
    """By the word that finds them: phrases, or '' for the word alone, each with its entry."""
    keys: frozenset[str]
    inner: dict[str, tuple[tuple[str, Entry], ...]]
    """Stems of scripts without spaces, by their first character."""
    firsts: frozenset[str]


class Lexicon(msgspec.Struct, frozen=True):
    """The words of `data/words/`."""

    told: Index
    """For instructions: every word."""
    asked: Index
    """For user turns: without the words that count only in instructions."""
    small: dict[str, frozenset[str]]
    small_inner: dict[str, re.Pattern[str]]


def normalise(text: str) -> str:
    """Lower case, punctuation as spaces. Length may change; word order does not."""
    if not text.isascii():
        text = text.lower()
    if text.isascii():
        # Bytes are translated three times as fast as text.
        return text.encode().translate(_ASCII_NORMAL).decode()
    for mark in _BREAKS:
        if mark in text:
            text = text.replace(mark, " ")
    return text


def is_wide(text: str) -> bool:
    """Whether a text is written, at its start or end, in a script without spaces (or in Hangul)."""
    return _WIDE.search(text, 0, 80) is not None or _WIDE.search(text, max(len(text) - 60, 0)) is not None


def _key(phrase: str, common: frozenset[str]) -> str:
    """The word that finds a phrase: its longest one that few other texts hold."""
    return max(phrase.split(), key=lambda word: (len(word) > 2 and word not in common, len(word)))


def _rows(raw: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [
        (cue, language, normalise(word.strip()).strip())
        for cue, languages in raw.items()
        for language, words in languages.items()
        for word in words.split(",")
    ]


def _spaced(rows: list[tuple[str, str, str]]) -> dict[str, tuple[tuple[str, Entry], ...]]:
    common = frozenset(_COMMON.split())
    found: dict[str, dict[tuple[str, str], str]] = {}
    for cue, language, word in rows:
        phrase = word if " " in word else ""
        shared = found.setdefault(_key(word, common) if " " in word else word, {})
        # A word that several languages write alike names none of them.
        shared[phrase, cue] = language if shared.get((phrase, cue), language) == language else ""
    return {
        key: tuple(
            (
                # With a space on either side, as it is searched for.
                f" {phrase} " if phrase else "",
                Entry(phrase.split()[0] if phrase else key, cue, "" if lang == "xx" else lang),
            )
            for (phrase, cue), lang in shared.items()
        )
        for key, shared in found.items()
    }


def _stems(rows: list[tuple[str, str, str]]) -> dict[str, tuple[tuple[str, Entry], ...]]:
    found: dict[str, dict[str, Entry]] = {}
    for cue, language, word in rows:
        found.setdefault(word[0], {}).setdefault(word, Entry(word, cue, language))
    return {first: tuple(stems.items()) for first, stems in found.items()}


def _inside(rows: list[tuple[str, str, str]]) -> re.Pattern[str]:
    # Longest first, so that a stem inside a longer one does not hide it.
    return re.compile(
        "|".join(re.escape(w) for w in sorted({r[2] for r in rows}, key=lambda w: (-len(w), w)))
    )


@cache
def lexicon() -> Lexicon:
    """The lexicon, read from the package's data on first use (about 40 ms)."""
    folder = resources.files("tierwise.workloads").joinpath("data/words")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda f: f.name)
    rows = [row for file in files for row in _rows(tomllib.loads(file.read_text("utf-8")))]
    cues = [row for row in rows if row[0] not in SMALL]
    return Lexicon(
        told=_index(cues),
        asked=_index([row for row in cues if not CUES[row[0]].told]),
        small={cue: frozenset(r[2] for r in rows if r[0] == cue and r[1] not in INNER) for cue in SMALL},
        small_inner={cue: _inside([r for r in rows if r[0] == cue and r[1] in INNER]) for cue in SMALL},
    )


def _index(rows: list[tuple[str, str, str]]) -> Index:
    words = _spaced([row for row in rows if row[1] not in INNER])
    stems = _stems([row for row in rows if row[1] in INNER])
    return Index(words=words, keys=frozenset(words), inner=stems, firsts=frozenset(stems))


def find(known: Index, normal: str, words: list[str], wide: bool) -> list[tuple[str, Entry]]:
    """Cues in a normalised text, as (word, entry), sorted, so that the same text gives the same list.

    `words` is `normal.split()`; `wide` says whether stems are to be searched inside it too.
    """
    found: list[tuple[str, Entry]] = []
    hits = known.keys.intersection(words)
    if hits:
        padded = f" {normal} "
        for word in hits:
            for phrase, entry in known.words[word]:
                if not phrase or phrase in padded:
                    found.append((word, entry))
        if len(found) > 1:
            found.sort(key=_WORD_OF)
    if wide:
        kana = _KANA.search(normal) is not None
        for first in sorted(known.firsts.intersection(normal)):
            for stem, entry in known.inner[first]:
                if stem in normal:
                    found.append(
                        (stem, Entry(stem, entry.cue, "ja") if kana and entry.language == "zh" else entry)
                    )
    return found


def small_turn(words: list[str], wide: bool) -> str | None:
    """'thanks', 'hello' or 'go ahead' when a short turn says nothing else, else None.

    Meant for turns of at most 7 words, or 24 characters in scripts without spaces.
    """
    known = lexicon()
    if wide:
        rest = "".join(words)
        met: list[str] = []
        for cue in SMALL:
            shorter = known.small_inner[cue].sub("", rest)
            if shorter != rest:
                met.append(cue)
            rest = shorter
        if _NOT_LETTERS.sub("", rest):
            return None
    else:
        met = [cue for word in words for cue in SMALL if word in known.small[cue]]
        if not all(any(word in known.small[cue] for cue in SMALL) for word in words):
            return None
    if "go ahead" in met:
        return "go ahead"
    return met[0] if met else None
