"""What an answer shows of itself beside its question: counts that tell a slip, without knowing the solution."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tierwise.router._text import ends

SIGNS = 14
"""Counts of `answer_signs`."""
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_STEP = re.compile(r"(\d[\d,.]*)\s*([-+*/x×÷])\s*\$?(\d[\d,.]*)\s*=\s*\$?(-?\d[\d,.]*)")
_DOUBT = re.compile(
    r"\b(?:negative|not possible|impossible|cannot|assum\w*|however|but|unclear)\b", re.IGNORECASE
)


def _value(text: str) -> float:
    """A number as written, commas out; 0 for what only looks like one."""
    try:
        return float(text.replace(",", "").rstrip("."))
    except ValueError:
        return 0.0


def _steps(answer: str) -> tuple[int, int]:
    """Sums and products that are written out, and those that come to something else."""
    wrong = count = 0
    for left, sign, right, told in _STEP.findall(answer):
        a, b, said = _value(left), _value(right), _value(told)
        if sign in "/÷":
            found = a / b if b else said
        else:
            found = a + b if sign == "+" else a - b if sign == "-" else a * b
        count += 1
        # Two decimals are how people round.
        wrong += abs(found - said) > 0.011 * max(1.0, abs(said))
    return count, wrong


def answer_signs(question: str, answer: str) -> NDArray[np.float64]:
    """`SIGNS` counts of an answer: length, arithmetic that does not add up, numbers of the question unused.

    Linear in the texts, of which the ends are read.
    """
    question, answer = ends(question), ends(answer)
    asked = {_value(n) for n in _NUMBER.findall(question)}
    told = [_value(n) for n in _NUMBER.findall(answer)]
    last = told[-1] if told else 0.0
    count, wrong = _steps(answer)
    used = sum(n in told for n in asked)
    return np.array(
        [
            np.log1p(len(answer)),
            np.log1p(len(answer) / (len(question) + 1)),
            count,
            min(wrong, 3),
            not told,
            last != int(last),
            np.log1p(min(abs(last), 1e12)),
            len(asked) - used,
            used / len(asked) if asked else 1.0,
            np.log1p(answer.count("\n")),
            last in asked,
            max(told, default=0.0) > 10_000,
            bool(_DOUBT.search(answer)),
            answer.rstrip()[-1:].isdigit(),
        ],
        dtype=np.float64,
    )
