"""A regular expression: what the answer must match, or what of it is compared."""

from __future__ import annotations

import msgspec

from tierwise.calls import Request, Response
from tierwise.prove._graders.linear import Expression
from tierwise.prove._graders.texts import normalised
from tierwise.prove._score import Reference, Score, text_of, wrong, yes_or_no


class Regex(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Without a group: whether the answer matches. With one: whether it says what the reference says there.

    Made with `regex`, which compiles the expression.
    """

    pattern: str
    expression: Expression

    @property
    def name(self) -> str:
        """`regex(pattern="...")`."""
        return f"regex(pattern={msgspec.json.encode(self.pattern).decode()})"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """1 or 0. Only the first 5,000 characters of an answer are looked at."""
        found = self.expression.search(candidate.text)
        if not self.expression.groups:
            return yes_or_no(found is not None, "no match")
        asked = self.expression.search(text_of(reference))
        if found is None or asked is None:
            return wrong("no match" if found is None else "the reference does not match")
        one, other = (_said(match) for match in (found, asked))
        return yes_or_no(one == other, "another text in the group")


def _said(match: tuple[str, str | None]) -> str:
    return normalised(match[1] or "", punctuation=True)


def regex(pattern: str) -> Regex:
    """The grader of an expression. Raises ConfigurationError for one that has no linear form."""
    return Regex(pattern=pattern, expression=Expression(pattern))
