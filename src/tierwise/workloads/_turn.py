"""Reading the newest user turn, on every call: a few microseconds, whatever its length.

Looks at the first 320 and last 140 characters (half as many where words have no spaces). What
lies between is material more often than a question.
"""

from __future__ import annotations

from bisect import bisect_right

from tierwise.workloads._cues import CUES
from tierwise.workloads._lexicon import INNER, Entry, find, is_wide, lexicon, normalise, small_turn
from tierwise.workloads._signals import TurnSignals
from tierwise.workloads._structure import read_structure
from tierwise.workloads._task import SENTENCES, VERB_LAST

FIRST = 320
LAST = 140
ASKED = (14, 12)
"""Words at the start and end of a turn that count as what is asked; the rest is material."""
OPENING = (5, 6)
"""Words at the start, and at the end of a turn over 40 words, where an order to do something stands."""
_LONG_WORDS = 40
_WIDE_ASKED = (60, 40)
BANDS = (0, 3, 12, 40, 150, 600, 2_500, 8_000, 30_000)
"""Lower bounds, in tokens, of the bands of a turn's length."""
_LIMITS = tuple(bound * 4 for bound in BANDS)
_SHORT_WORDS = 7
_SHORT_WIDE = 24
_MOST_CONSTRAINTS = 4
_NOTHING: tuple[tuple[tuple[str, str, int], ...], str | None, int] = ((), None, 0)


def read_turn(
    newest: str,
    *,
    answers_tools: bool = False,
    turn: int = 0,
    images: bool = False,
    material: bool = False,
) -> TurnSignals:
    """What the newest user turn says.

    Args:
        newest: Its text, of any length; '' when there is none.
        answers_tools: The newest items are tool results; `newest` is then the last user text.
        turn: Assistant messages before it.
        images: It carries images.
        material: It is data (`TemplateSignals.material`): only its length is told.
    """
    newest = newest.strip()
    size = len(newest)
    wide = not newest.isascii() and is_wide(newest)
    cues, small, flags = _NOTHING if material else _said(newest, size, wide)
    return TurnSignals(
        cues=cues,
        small=small,
        flags=flags,
        band=bisect_right(_LIMITS, size * 3 if wide else size) - 1,
        answers_tools=answers_tools,
        later=turn > 0,
        images=images,
    )


def _said(newest: str, size: int, wide: bool) -> tuple[tuple[tuple[str, str, int], ...], str | None, int]:
    """Cues, small talk and structure of a turn."""
    sample = newest
    if wide and size > FIRST:
        sample = f"{newest[: FIRST // 2]} {newest[-LAST // 2 :]}"
    elif size > FIRST + LAST:
        sample = f"{newest[:FIRST]} {newest[-LAST:]}"
    normal = normalise(sample)
    words = normal.split()
    small = None
    if (len(words) <= _SHORT_WORDS and size <= 80) if not wide else size <= _SHORT_WIDE:
        small = small_turn(words, wide)
    found = find(lexicon().asked, normal, words, wide) if words and not small else []
    return _cues(found, words, normal, sample) if found else (), small, read_structure(sample)


def _cues(
    found: list[tuple[str, Entry]], words: list[str], normal: str, sample: str
) -> tuple[tuple[str, str, int], ...]:
    cues = {entry.cue for _, entry in found}
    if "claim" in cues and "self" in cues:
        found, words, normal = _without_claims(sample)
    asked, opening = _places(words)
    met: dict[str, tuple[str, str, int]] = {}
    constraints = 0
    for _, entry in found:
        cue, word = entry.cue, entry.first
        if CUES[cue].kind == "claim":
            continue
        if cue == "constraint" or (cue == "hard code" and cue in met):
            constraints += 1 if cue == "constraint" else 2  # a second hard system word weighs more
            continue
        place = _wide_place(word, normal) if entry.language in INNER else (word in asked) + (word in opening)
        if place == 1 and entry.language in VERB_LAST:
            place = 2
        if cue not in met or place > met[cue][2]:
            met[cue] = (cue, entry.language, place)
    named = met.get("format")
    general = met.pop("convert", None) if named else None
    if named and general:
        met["format"] = ("format", named[1], max(named[2], general[2]))
    extra = (("constraint", "", 0),) * min(constraints, _MOST_CONSTRAINTS)
    return tuple(sorted(met.values())) + extra


def _places(words: list[str]) -> tuple[list[str], list[str]]:
    asked = words[: ASKED[0]] + words[-ASKED[1] :]
    opening = words[: OPENING[0]]
    return asked, opening + words[-OPENING[1] :] if len(words) > _LONG_WORDS else opening


def _wide_place(stem: str, normal: str) -> int:
    near = normal.find(stem) < _WIDE_ASKED[0] or stem in normal[-_WIDE_ASKED[1] :]
    return 2 if near else 0


def _without_claims(sample: str) -> tuple[list[tuple[str, Entry]], list[str], str]:
    """The same reading with every clause left out that says how hard the task is or which model to use."""
    known = lexicon().asked
    kept = []
    for clause in SENTENCES.split(sample):
        normal = normalise(clause)
        cues = {entry.cue for _, entry in find(known, normal, normal.split(), is_wide(normal))}
        if not ("claim" in cues and "self" in cues):
            kept.append(normal)
    normal = " ".join(kept)
    words = normal.split()
    return find(known, normal, words, is_wide(normal)), words, normal
