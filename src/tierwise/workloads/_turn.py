"""Reading the newest user turn, on every call: a few microseconds, whatever its length.

Looks at the first 600 and last 300 characters (half as many where words have no spaces). What
lies between is material more often than a question.
"""

from __future__ import annotations

from tierwise.workloads._cues import CUES
from tierwise.workloads._lexicon import Entry, find, is_wide, normalise, small_turn
from tierwise.workloads._signals import TurnSignals
from tierwise.workloads._structure import read_structure
from tierwise.workloads._task import _SENTENCES

FIRST = 600
LAST = 300
HEAD = 14
"""Words at the start of a turn that count as what is asked."""
BANDS = (0, 3, 12, 40, 150, 600, 2_500, 8_000, 30_000)
"""Lower bounds, in tokens, of the bands of a turn's length."""
_LIMITS = tuple(bound * 4 for bound in BANDS)
_SHORT_WORDS = 7
_SHORT_WIDE = 24
_MOST_CONSTRAINTS = 4


def read_turn(
    newest: str, *, answers_tools: bool = False, turn: int = 0, images: bool = False
) -> TurnSignals:
    """What the newest user turn says.

    Args:
        newest: Its text, of any length; '' when there is none.
        answers_tools: The newest items are tool results; `newest` is then the last user text.
        turn: Assistant messages before it.
        images: It carries images.
    """
    size = len(newest)
    if size > FIRST + LAST:
        sample = f"{newest[:FIRST]}\n{newest[-LAST:]}"
    else:
        sample = newest
    normal = normalise(sample)
    wide = not sample.isascii() and is_wide(sample)
    if wide and size > FIRST:
        normal = f"{normal[: FIRST // 2]} {normal[-LAST // 2 :]}"
    words = normal.split()
    small = None
    if (len(words) <= _SHORT_WORDS and size <= 80) if not wide else size <= _SHORT_WIDE:
        small = small_turn(normal, words, wide)
    found = () if small or not words else find(normal, words, wide)
    return TurnSignals(
        cues=_cues(found, words, sample) if found else (),
        small=small,
        flags=read_structure(sample),
        band=_band(size * 3 if wide else size),
        answers_tools=answers_tools,
        later=turn > 0,
        images=images,
    )


def _band(characters: int) -> int:
    band = 0
    for limit in _LIMITS[1:]:
        if characters < limit:
            return band
        band += 1
    return band


def _cues(found: list[tuple[str, Entry]] | tuple[()], words: list[str], sample: str) -> tuple[tuple[str, str, bool], ...]:
    cues = {entry.cue for _, entry in found}
    if "claim" in cues and "self" in cues:
        found, words = _without_claims(sample)
    head = words[:HEAD]
    met: dict[str, tuple[str, str, bool]] = {}
    constraints = 0
    for word, entry in found:
        cue = entry.cue
        if CUES[cue].kind == "claim":
            continue
        if cue == "constraint" or (cue == "hard code" and cue in met):
            constraints += 1
            continue
        first = word in head or entry.phrase == "" and word not in words
        if cue not in met or (first and not met[cue][2]):
            met[cue] = (cue, entry.language, first)
    extra = (("constraint", "", False),) * min(constraints, _MOST_CONSTRAINTS)
    return tuple(sorted(met.values())) + extra


def _without_claims(sample: str) -> tuple[list[tuple[str, Entry]], list[str]]:
    """The same reading with every clause left out that says how hard the task is or which model to use."""
    kept = []
    for clause in _SENTENCES.split(sample):
        normal = normalise(clause)
        cues = {entry.cue for _, entry in find(normal, normal.split(), is_wide(normal))}
        if not ("claim" in cues and "self" in cues):
            kept.append(normal)
    normal = " ".join(kept)
    words = normal.split()
    return find(normal, words, is_wide(normal)), words
