"""Try a cheap rung first, check its answer, and go up where it does not hold.

In: answers of the cheap rungs and of the baseline to the same calls. Out: a `policy.Certificate`, which a rule's
`cascade` names. Live, what is seen of an answer becomes a score, and the certificate says from where it is
accepted. Nothing here sends: checks that ask a model say what to ask, and read what came back.
"""

from __future__ import annotations

from tierwise.cascade._cases import Case, Sets, Table, Tried, divided
from tierwise.cascade._certify import Stage, Terms, certify, conformal_place, table
from tierwise.cascade._paid import MOST_WRITTEN, Agreement, Check, Judge, alike, check_of
from tierwise.cascade._score import fitted, score
from tierwise.cascade._signals import Seen, seen

__all__ = [
    "MOST_WRITTEN",
    "Agreement",
    "Case",
    "Check",
    "Judge",
    "Seen",
    "Sets",
    "Stage",
    "Table",
    "Terms",
    "Tried",
    "alike",
    "certify",
    "check_of",
    "conformal_place",
    "divided",
    "fitted",
    "score",
    "seen",
    "table",
]
