"""Weighing tasks: which cues of a text count how much, and which task they elect."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tierwise.workloads._cues import CUES
from tierwise.workloads._lexicon import INNER, find, is_wide, lexicon, normalise
from tierwise.workloads._signals import CueHit
from tierwise.workloads._types import TASKS, Task

READ_INSTRUCTIONS = 6_000
"""Characters read from the start of the instructions."""
READ_INSTRUCTIONS_END = 1_000
"""Characters read from their end."""
SENTENCES = re.compile(r"[.!?\n;:\u3002\uff01\uff1f\uff1b\uff1a\u0964\u061f]+")
_LATE = 12
"""Sentences after this many count half: they are rules and examples rather than the job."""
_SAYS_THE_FIELD = 3
"""Sentences at the start of which one word is enough to name a specialised field."""
_WORDS_OF_A_FIELD = 3
"""Distinct words of a field that name it further on."""
_OPENING = 4
"""A verb among the first words of a sentence is what the sentence tells to do."""
VERB_LAST = frozenset({"tr", "hi"}) | INNER
"""Languages whose verb stands at the end, or whose words have no position here."""
_MOST_CONSTRAINTS = 4
_MOST_SENTENCES = 200
"""Bounds the work on text that is all punctuation."""


def hits_in(text: str) -> list[CueHit]:
    """Cues of instructions, each once with its best weight, heaviest first.

    1 for a verb that opens a sentence, 0.6 elsewhere in the first sentence, 0.5 later. Saying a
    thing twice adds nothing, so padding cannot move the result. Clauses that speak of the
    model or the task's difficulty are left out.
    """
    known = lexicon().told
    best: dict[str, CueHit] = {}
    constraints: set[str] = set()
    passing: dict[str, set[str]] = {}
    for place, sentence in enumerate(_sentences(text)):
        normal = normalise(sentence)
        words = normal.split()
        found = find(known, normal, words, is_wide(normal))
        cues = {entry.cue for _, entry in found}
        if "claim" in cues and "self" in cues:
            continue
        for word, entry in found:
            if entry.cue == "constraint" or (entry.cue == "hard code" and entry.cue in best):
                constraints.add(word)
                continue
            if place >= _SAYS_THE_FIELD and CUES[entry.cue].kind == "domain":
                # One word of law among the house rules of a shop does not make it a law office.
                passing.setdefault(entry.cue, set()).add(word)
                if len(passing[entry.cue]) < _WORDS_OF_A_FIELD:
                    continue
            weight = _weight(entry.first, entry.language, words, place)
            met = best.get(entry.cue)
            if CUES[entry.cue].kind != "claim" and (met is None or weight > met.weight):
                best[entry.cue] = CueHit(entry.cue, entry.language, weight)
    named = best.get("format")
    general = best.pop("convert", None) if named else None
    if named and general:
        # 'Convert to title case' is one order, and the closed one of the two.
        best["format"] = CueHit("format", named.language, max(named.weight, general.weight))
    hits = sorted(best.values(), key=lambda hit: (-hit.weight, hit.cue))
    return hits + [CueHit("constraint", "", 0.5)] * min(len(constraints), _MOST_CONSTRAINTS)


def _sentences(text: str) -> list[str]:
    if len(text) > READ_INSTRUCTIONS + READ_INSTRUCTIONS_END:
        text = f"{text[:READ_INSTRUCTIONS]}\n{text[-READ_INSTRUCTIONS_END:]}"
    # Distinct ones in order: a repeated sentence must not push the others into the late ones.
    distinct = list(dict.fromkeys(s for s in SENTENCES.split(text) if s.strip()))
    return distinct if len(distinct) <= _MOST_SENTENCES else distinct[:_MOST_SENTENCES] + distinct[-20:]


def _weight(word: str, language: str, words: list[str], place: int) -> float:
    late = 0.5 if place >= _LATE else 1.0
    if language in INNER:
        return late
    if word in words[:_OPENING] or (language in VERB_LAST and word in words[-_OPENING:]):
        return late
    return late * (0.6 if place == 0 else 0.5)


def tally(weighted: Iterable[tuple[Task | None, float]]) -> list[tuple[Task, float]]:
    """Sum of weights by task, heaviest first; ties in the order of `TASKS`."""
    votes: dict[Task, float] = {}
    for task, weight in weighted:
        if task is not None and weight > 0:
            votes[task] = votes.get(task, 0.0) + weight
    return sorted(votes.items(), key=lambda vote: (-round(vote[1], 6), TASKS.index(vote[0])))


def phrase(hit_cue: str, language: str) -> str:
    """How a cue is shown: 'verb: classify (de)'. Never a word of the prompt."""
    shown = CUES[hit_cue].phrase
    return f"{shown} ({language})" if language else shown
