"""Bars, rules and decisions: what is to be done with one call, and why.

In: Facts of a request, a Policy, a State and the prices of a day. Out: a Decision that
carries its reasons and numbers. `decide` is the one brain: audit, client, gateway and batch
all call it, and it is pure.
"""

from __future__ import annotations

from tierwise.policy._decide import canonical, decide
from tierwise.policy._eligible import effort_as_asked
from tierwise.policy._levers import Use, at_effort, moved, scaled, warmed, without_tools
from tierwise.policy._proposal import EFFORT_PERMILLE, EFFORTS, LENGTHS, NO_LIMITS, proposal
from tierwise.policy._types import Decision, Lengths, Limits, Plan, Policy, Rule, Rung, State, Step

__all__ = [
    "EFFORTS",
    "EFFORT_PERMILLE",
    "LENGTHS",
    "NO_LIMITS",
    "Decision",
    "Lengths",
    "Limits",
    "Plan",
    "Policy",
    "Rule",
    "Rung",
    "State",
    "Step",
    "Use",
    "at_effort",
    "canonical",
    "decide",
    "effort_as_asked",
    "moved",
    "proposal",
    "scaled",
    "warmed",
    "without_tools",
]
