"""The checks that cost nothing before the grader: an answer that fails one is of no use to its caller."""

from __future__ import annotations

from tierwise.calls import REFUSED, Request, Response, failure
from tierwise.prove._score import Grader, Reference, Score, right


def score(grader: Grader, request: Request, candidate: Response, reference: Reference) -> Score:
    """The free checks, then the grader.

    A failed check scores 0, and is hard, unless the reference is an answer that fails in the same way:
    where both refuse they agree; else the grader compares what there is.
    """
    agreed = unless_failed(request, candidate, reference)
    return agreed if agreed is not None else grader.grade(request, candidate, reference)


def unless_failed(request: Request, candidate: Response, reference: Reference) -> Score | None:
    """The score that the free checks alone give; None where a grader has to say."""
    found = failure(request, candidate)
    if found is None:
        return None
    other = failure(request, reference) if isinstance(reference, Response) else None
    if other != found:
        return Score(value=0.0, hard=True, reason=found)
    return right("both refused") if found == REFUSED else None
