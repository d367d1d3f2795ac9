"""Templates that sit in the user message: what openings of calls share.

An opening is five digests of the first user turn, each salted by its place: first sentence,
its head, its label or longer head, last sentence, second sentence; 0 where the turn has no
such place. It is taken of every call, so it looks at little and masks by simple rules.
"""

# ruff: noqa: SIM905  (lists of words read best as text)

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tierwise.workloads._mask import MASK, WIDE_COLON
from tierwise.workloads._segments import Digester
from tierwise.workloads._templates import Key, fingerprint

Openings = dict[tuple[int, ...], int]
"""Opening to calls with it."""

FIRST, HEAD, LONGER, LAST, SECOND = range(5)
"""Places of an opening."""
REACH = 240
"""Characters of the start of a turn that are looked at."""
SENTENCE = 120
"""Characters of a sentence that count."""
LABEL = 64
"""A colon within so many characters makes what is before it a label."""
HEAD_WORDS = 4
LONGER_WORDS = 7
GENERIC = 2
"""Segments up to which instructions may say nothing of the task ('You are a helpful assistant.')."""
AT_LEAST = (3, 5, 3, 5, 5)
"""By place, openings that must share a digest before it is taken for a template."""

_ENDS = (". ", "? ", "! ")
_MARKED = re.compile(r"""[\d"“„«「‘]""")
"""In a word: it is a number, an id, or begins a quote."""
_DATA = frozenset('"{}[]<>()=/')
"""Before a colon they show data, or a format, rather than a label."""
_WIDE_ENDS = "。\uff01\uff1f।"
_SPOKEN = frozenset(
    """
    i i'm i've my me we we're our you your hi hello hey thanks thank please sorry can could ok okay yes no
    ich wir mein meine mir hallo danke bitte je j'ai mon ma nous bonjour merci yo mi mis hola gracias
    eu meu minha olá oi obrigado io mio ciao grazie я мой моя мне мы привет здравствуйте спасибо
    ik mijn hoi bedankt ja mam moje mój cześć dziękuję ben benim merhaba teşekkürler
    """.split()
)
"""Words of people who speak for themselves; a template in the user message seldom opens so."""
_ASKING = frozenset(
    """
    is are am was were do does did why how what when where who which whose will would should has have had
    warum wieso wie was wann wo wer welche ist sind hat haben pourquoi comment quand où qui quel quelle est-ce
    por cómo qué cuándo dónde quién cuál como quando onde quem qual perché come dove chi
    почему как что когда где кто какой waarom hoe wat dlaczego jak co kiedy gdzie neden nasıl ne
    """.split()
)
"""Words that begin a question. A whole question may be a template; its first words alone say less."""
SPOKEN = 1
"""Lowest bit of an opening's digest: set where it sounds like a person, or says too little."""
_GERMAN = frozenset("und ist nicht eine einen einem für mit den der das im zu".split())


class Reader:
    """Reads openings under a key."""

    __slots__ = ("_digest",)

    def __init__(self, digester: Digester) -> None:
        self._digest = digester.text

    def read(self, turn: str, segments: int) -> tuple[int, ...]:
        """Digests of the first user turn; five, or none for an empty turn.

        Under instructions of more than `GENERIC` segments only the end of the turn is told,
        to count how often a text was used afresh.
        """
        if segments > GENERIC:
            return (0, 0, 0, self._digest("z" + turn[-SENTENCE:]) | SPOKEN, 0) if turn else ()
        start = turn[:REACH].lstrip()
        if not start:
            return ()
        digest = self._digest
        first, rest = _cut(start)
        head = longer = full = second = last = spoken = 0
        at = _label_end(first)
        if at > 0:
            longer = digest("l" + " ".join(_plain(first[:at].split()))) & ~SPOKEN
        else:
            words = first.split(None, LONGER_WORDS)
            if len(words) >= HEAD_WORDS:
                spoken = _spoken(words)
                asks = SPOKEN if words[0].lower() in _ASKING else spoken
                plain = _plain(words[:LONGER_WORDS])
                head = digest("h" + " ".join(plain[:HEAD_WORDS])) & ~SPOKEN | asks
                if len(words) > LONGER_WORDS:
                    longer = digest("g" + " ".join(plain)) & ~SPOKEN | asks
        if rest:
            full = digest("a" + first[:SENTENCE]) & ~SPOKEN | (spoken or _short(first))
            following = _cut(rest)[0][:SENTENCE]
            second = digest("b" + following) & ~SPOKEN | _short(following)
            closing = _last(turn[-SENTENCE:])
            last = digest("z" + closing) & ~SPOKEN | _short(closing)
        else:
            last = digest("z" + turn[-SENTENCE:]) & ~SPOKEN
        return full, head, longer, last, second


def _label_end(first: str) -> int:
    """Where a label such as 'Translate to French:' ends, 0 or less where there is none."""
    at = first.find(":", 0, LABEL)
    if at < 0:
        at = first.find(WIDE_COLON, 0, LABEL)
    return at if at > 0 and first.count(" ", 0, at) < 7 and _DATA.isdisjoint(first[:at]) else 0


def _spoken(words: list[str]) -> int:
    """`SPOKEN` where a sentence begins with words for its speaker or hearer, else 0."""
    for word in words[:HEAD_WORDS]:
        if word.lower().rstrip(",!") in _SPOKEN:
            return SPOKEN
    return 0


def _short(sentence: str) -> int:
    """`SPOKEN` for a sentence of too few words to be an order: a name, a greeting, thanks."""
    return SPOKEN if sentence.count(" ") < 2 and (sentence.isascii() or len(sentence) < 8) else 0


def _cut(text: str) -> tuple[str, str]:
    """The first sentence or line, and the rest."""
    line, _, rest = text.partition("\n")
    at = len(line)
    for end in _ENDS:
        found = line.find(end, 0, at)
        if found >= 0:
            at = found + 1
    if not line.isascii():
        for end in _WIDE_ENDS:
            found = line.find(end, 0, at - 1)
            if found >= 0:
                at = found + 1
    if at < len(line):
        return line[:at], text[at:].lstrip()
    return line, rest.lstrip()


def _plain(words: list[str]) -> list[str]:
    """Words, those masked that are names, or hold a digit or a quote; German nouns are no names."""
    joined = "".join(words)
    if joined.isalpha() and joined[1:].islower():
        return words
    names = _GERMAN.isdisjoint(words)
    return [
        word
        if word.isalpha() and not (names and at and word[0].isupper() and word[1:].islower())
        else MASK
        if word.isalpha() or _MARKED.search(word) is not None
        else word
        for at, word in enumerate(words)
    ]


def _last(end: str) -> str:
    """The last sentence or line of the end of a turn."""
    body = end.rstrip()
    at = max(body.rfind("\n"), body.rfind(". ", 0, -1), body.rfind("? ", 0, -1), body.rfind("! ", 0, -1))
    return body[at + 1 :].strip()


def keys_of(workload: int, segments: int, openings: Openings) -> dict[int, Key]:
    """Opening digests that tell templates in the user message apart; none where calls are one.

    Args:
        workload: The id of the leaf they all belong to.
        segments: How many segments its instructions share; 0 without instructions.
        openings: Distinct openings, with calls.

    Instructions of more than two sentences tell the template; what recurs in the user's turns
    is then data. With less, nearly all openings must fall into templates of their own before
    they split it; a chat with some frequent questions stays whole.
    """
    if segments > GENERIC:
        return {}
    rows = [opening for opening in openings if opening]
    keys: dict[int, Key] = {}
    covered = 0
    for places in ((FIRST, HEAD, LONGER), (LAST, SECOND)):
        while (best := _best(rows, places, len(openings), told=segments > 0)) is not None:
            digest = best
            members = [row for row in rows if digest in row]
            rows = [row for row in rows if digest not in row]
            covered += len(members)
            own = fingerprint(workload, digest)
            inner = {second: fingerprint(own, second) for second in _inner(members, digest)}
            keys[digest] = Key(rank=len(keys), workload=own, inner=inner)
    needed = 0.0 if segments == 0 else 0.6
    if covered < needed * len(openings) or (segments and len(keys) < 2):
        return {}
    return keys


def _best(rows: list[tuple[int, ...]], places: Iterable[int], whole: int, *, told: bool) -> int | None:
    """The most frequent digest of these places that is frequent enough for its place.

    `told`: instructions tell the template already, and one in the user message must be plain.
    """
    counts: Counter[tuple[int, int]] = Counter((row[place], place) for row in rows for place in places)
    best = None
    for (digest, place), count in counts.items():
        if not digest or (digest & SPOKEN and place >= LAST):
            continue
        share = _SPOKEN_SHARE if digest & SPOKEN else _LEAST_SHARE[place]
        if count < max(AT_LEAST[place], max(share, _TOLD_SHARE if told else 0) * whole):
            continue
        # Equal counts: the fuller text names the template better.
        rank = (-count, place, digest)
        if best is None or rank < best:
            best = rank
    return None if best is None else best[2]


_LEAST_SHARE = (0.01, 0.02, 0.003, 0.01, 0.02)
"""By place, the share of openings that a digest needs: people's own words share short heads too."""
_SPOKEN_SHARE = 0.15
_TOLD_SHARE = 0.05


def _inner(members: list[tuple[int, ...]], digest: int) -> list[int]:
    """Second sentences that divide calls with the same first sentence, boilerplate in the turn."""
    if members[0][FIRST] != digest:
        return []
    seconds = Counter(row[SECOND] for row in members if row[SECOND] and not row[SECOND] & SPOKEN)
    frequent = [second for second, count in seconds.items() if count >= AT_LEAST[FIRST]]
    covered = sum(seconds[second] for second in frequent)
    return sorted(frequent) if 2 <= len(frequent) <= 12 and covered >= 0.9 * len(members) else []
