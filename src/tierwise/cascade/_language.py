"""Whether an answer is in another language than its question, as far as letters and small words tell."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

READ: Final = 4_000
"""Characters of each text that are looked at."""
FEWEST: Final = 20
"""Letters without which nothing is said."""
_SCRIPTS: Final = (
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x06FF, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0E00, 0x0E7F, "thai"),
    (0x3040, 0x30FF, "kana"),
    (0x4E00, 0x9FFF, "han"),
    (0xAC00, 0xD7AF, "hangul"),
)
_SMALL: Final = {
    "de": "der die das und ist nicht ein eine mit für auf den sich wird auch von zu im dem",
    "en": "the and is of to in that it for with are this on not be was you have",
    "es": "el los las y es en que por para con una del se no un está más como",
    "fr": "le les et est des une dans que pour qui pas sur avec du au vous nous sont",
    "it": "il gli e di che per non una con sono del della nel più come questo anche lo",
    "nl": "de het een en van is niet dat op te voor met zijn aan ook er maar wordt",
    "pt": "os as e do da em um uma para com não que por mais como são dos foi",
}
_WORDS: Final = {
    word: [name for name, some in _SMALL.items() if word in some.split()]
    for some in _SMALL.values()
    for word in some.split()
}
_LETTERS: Final = re.compile(r"[^\W\d_]+")
CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def unlike(question: str, answer: str) -> bool:
    """Whether both texts are long enough to tell, and the answer is in another script or language."""
    asked, said = CODE.sub(" ", question[-READ:]), CODE.sub(" ", answer[:READ])
    scripts = _script(asked), _script(said)
    if None in scripts:
        return False
    if scripts[0] != scripts[1]:
        # Japanese writes in both.
        return set(scripts) != {"han", "kana"}
    if scripts[0] != "latin":
        return False
    languages = _language(asked), _language(said)
    return None not in languages and languages[0] != languages[1]


def _script(text: str) -> str | None:
    """The script of most letters; None where there are few."""
    found: Counter[str] = Counter()
    for char in text:
        if char.isalpha():
            code = ord(char)
            found[next((name for low, high, name in _SCRIPTS if low <= code <= high), "latin")] += 1
    if found.total() < FEWEST:
        return None
    return found.most_common(1)[0][0]


def _language(text: str) -> str | None:
    """The language whose small words are most, by a clear margin; None where none is."""
    found: Counter[str] = Counter()
    for word in _LETTERS.findall(text.lower()):
        for name in _WORDS.get(word, ()):
            found[name] += 1
    ranked = found.most_common(2)
    if not ranked or ranked[0][1] < 4:
        return None
    second = ranked[1][1] if len(ranked) > 1 else 0
    return ranked[0][0] if ranked[0][1] >= 2 * second else None
