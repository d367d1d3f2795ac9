"""Figures of an answer: sums that it writes out, whether they hold, and where its figures come from."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final

READ: Final = 20_000
"""Characters of an answer that are looked at."""
MOST: Final = 200
"""Sums that are worked out."""
_NUMBER: Final = r"[$€£]? ?\d[\d,]{0,20}(?:\.\d{1,12})?%?"
_SUM: Final = re.compile(
    rf"(?<![\w.])(\(?{_NUMBER}\)?(?: ?[-+*/x×÷] ?\(?{_NUMBER}\)?){{1,8}}) ?= ?({_NUMBER})"
)
_FIGURE: Final = re.compile(r"[0-9]{1,15}(?:,[0-9]{3}){0,5}(?:\.[0-9]{1,9})?")
_RESULT: Final = re.compile(r"= ?[$€£]? ?([0-9]{1,15}(?:,[0-9]{3}){0,5}(?:\.[0-9]{1,9})?)")
_ROUNDED: Final = re.compile(r"[./÷%]")
_LAST: Final = Decimal("0.005")
_OPERATORS: Final[dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_PLAIN: Final = str.maketrans({"×": "*", "x": "*", "÷": "/", "$": "", "€": "", "£": "", ",": "", " ": ""})


def sums(text: str) -> tuple[int, int]:
    """How many sums of a text hold, and how many do not; what does not read as one is neither."""
    right = wrong = 0
    for number, match in enumerate(_SUM.finditer(text[:READ])):
        if number >= MOST:
            break
        holds = _holds(match[1], match[2])
        right += holds is True
        wrong += holds is False
    return right, wrong


def figures(question: str, answer: str) -> dict[str, float]:
    """Where the figures of an answer come from: shares from 0 to 1, all 0 where question or answer has none.

    `used`: of the question's figures, those that the answer takes up; `new`: of the answer's, those that are neither
    asked nor worked out; `computed`: whether the last one is the result of a sum; `fractional`: whether it is no integer.
    """
    asked, said = set(_figures(question)), _figures(answer)
    if not asked or not said:
        return {"used": 0.0, "new": 0.0, "computed": 0.0, "fractional": 0.0}
    results = {_figure(found) for found in _RESULT.findall(answer[:READ])[:MOST]}
    own = set(said)
    return {
        "used": len(asked & own) / len(asked),
        "new": len(own - asked - results) / len(own),
        "computed": float(said[-1] in results),
        "fractional": float(said[-1] != int(said[-1])),
    }


def _figures(text: str) -> list[float]:
    return [_figure(found) for found in _FIGURE.findall(text[:READ])[: 5 * MOST]]


def _figure(text: str) -> float:
    return float(text.replace(",", ""))


def _holds(left: str, said: str) -> bool | None:
    try:
        value = _value(ast.parse(_plain(left), mode="eval").body)
        claimed = _value(ast.parse(_plain(said), mode="eval").body)
    except (SyntaxError, ValueError, DecimalException, RecursionError, MemoryError):
        return None
    whole = not _ROUNDED.search(left)
    # Whole numbers add up exactly; with fractions or a division, something may have been rounded on the way.
    return abs(value - claimed) <= (_LAST if whole else max(abs(claimed) / 200, 2 * _LAST))


def _plain(text: str) -> str:
    bare = re.sub(r"(?<![\d.])0+(?=\d)", "", text.translate(_PLAIN))
    return re.sub(r"(\d+(?:\.\d+)?)%", r"(\1/100)", bare)


def _value(node: ast.expr) -> Decimal:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Decimal(str(node.value))
    raise ValueError("not a sum")
