"""One label out of several: what a classification answers."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.calls import Request, Response
from tierwise.prove._graders.texts import normalised
from tierwise.prove._score import Reference, Score, text_of, yes_or_no

_LONGEST_PREFIX: Final = 40


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The same label, however it is written.

    With a closed set, words before a colon ('Category: billing') are left out where what follows is a
    label of the set. A label outside the set is wrong unless the reference has the same; where the
    owner gave the set it is a hard failure too.
    """

    labels: frozenset[str] = frozenset()
    """The closed set, normalised; empty takes any text for a label."""
    given: bool = False
    """Whether the owner named the set; one that was learned may lack a rare label."""

    @property
    def name(self) -> str:
        """`label`, or with a digest of the set in the place of its words."""
        if not self.labels:
            return "label"
        digest = blake2b("\x1f".join(sorted(self.labels)).encode("utf-8", "surrogatepass"), digest_size=4)
        return f"label(of={len(self.labels)},set={digest.hexdigest()})"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """1 or 0."""
        one, other = self.read(candidate.text), self.read(text_of(reference))
        if one != other and self.labels and one not in self.labels:
            return Score(value=0.0, hard=self.given, reason="none of the labels")
        return yes_or_no(one == other, "another label")

    def read(self, text: str) -> str:
        """The label in an answer, normalised."""
        whole = normalised(text) or text.strip()
        if self.labels and whole not in self.labels:
            before, colon, after = text.partition(":")
            label = normalised(after)
            if colon and len(before) <= _LONGEST_PREFIX and label in self.labels:
                return label
        return whole
