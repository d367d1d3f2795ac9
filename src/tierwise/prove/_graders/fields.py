"""JSON against JSON, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from tierwise.calls import NO_JSON, Request, Response, is_number, json_in, kind_of
from tierwise.prove._graders.numbers import close
from tierwise.prove._graders.texts import normalised
from tierwise.prove._score import Reference, Score, text_of, wrong, yes_or_no


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When two values of JSON are the same."""

    tolerance: Decimal = Decimal(0)
    relative: Decimal = Decimal(0)
    ignored: frozenset[str] = frozenset()
    """Names of fields that are not compared, at any depth."""

    def share(self, one: Any, other: Any) -> float:
        """How much of two values is the same, 0 to 1: an object's fields and an array's places count alike.

        Symmetric. A field or place that only one of them has is wrong, as is another type; strings are
        compared normalised. Both must be as `json_in` gives them.
        """
        if isinstance(one, dict) and isinstance(other, dict):
            names = (one.keys() | other.keys()) - self.ignored
            return _mean(
                [
                    self.share(one[name], other[name]) if name in one and name in other else 0.0
                    for name in sorted(names)
                ]
            )
        if isinstance(one, list) and isinstance(other, list):
            both = [self.share(a, b) for a, b in zip(one, other, strict=False)]
            return _mean([*both, *[0.0] * (max(len(one), len(other)) - len(both))])
        return float(self._same(one, other))

    def _same(self, one: Any, other: Any) -> bool:
        if is_number(one) and is_number(other):
            return close(one, other, self.tolerance, self.relative)
        if isinstance(one, str) and isinstance(other, str):
            return one == other or (
                normalised(one) == normalised(other) and bool(normalised(one) or one.strip() == other.strip())
            )
        return kind_of(one) == kind_of(other) and bool(one == other)


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 1.0


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The share of fields that are right."""

    tolerance: Decimal = Decimal(0)
    relative: Decimal = Decimal(0)
    ignore: tuple[str, ...] = ()
    """Names of fields that are not compared, sorted."""

    @property
    def name(self) -> str:
        """`json(tolerance=0,relative=0)`, with `ignore="a|b"` where fields are left out."""
        ignored = f',ignore="{"|".join(self.ignore)}"' if self.ignore else ""
        return f"json(tolerance={self.tolerance},relative={self.relative}{ignored})"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """The share of fields that are right; 0 for an answer that is no JSON beside a reference that is."""
        found, asked = json_in(candidate.text), json_in(text_of(reference))
        if found is NO_JSON and asked is NO_JSON:
            return yes_or_no(
                candidate.text.strip() == text_of(reference).strip(), "not JSON, and another text"
            )
        if found is NO_JSON or asked is NO_JSON:
            return wrong("not JSON" if found is NO_JSON else "the reference is not JSON")
        share = Rules(tolerance=self.tolerance, relative=self.relative, ignored=frozenset(self.ignore)).share(
            found, asked
        )
        return Score(value=min(share, 1.0), reason="" if share == 1.0 else "fields differ")
