"""Which rule a call falls under: the first whose every condition holds."""

from __future__ import annotations

from fnmatch import fnmatchcase

from tierwise.policy._state import Hints, State
from tierwise.policy._types import Match, Policy, Rule
from tierwise.workloads import Facts

ANYONE = "*"
_NO_HINTS = Hints()


def trusted_hints(policy: Policy, state: State) -> Hints:
    """The call's hints where its caller is trusted, else none: a prompt cannot choose its own tier."""
    if state.hints is None:
        return _NO_HINTS
    if ANYONE in policy.trusts or policy.trusts & state.callers:
        return state.hints
    return _NO_HINTS


def workload_of(facts: Facts, hints: Hints) -> str:
    """The workload that rules and evidence go by: a trusted caller's word, else the fingerprint."""
    return hints.workload or f"{facts.workload:016x}"


def first_match(facts: Facts, policy: Policy, state: State, canonical_model: str | None) -> Rule:
    """The rule that decides on a call; the policy's last one matches whatever no other does."""
    hints = trusted_hints(policy, state)
    names = {name.lower() for name in (facts.model, canonical_model) if name}
    rules = policy.rules
    for rule in rules[:-1]:
        if _holds(rule.match, facts, state, hints, names):
            return rule
    return rules[-1]


def names_match(names: set[str], patterns: frozenset[str]) -> bool:
    """Whether one of the names is one of the patterns, where * stands for any characters."""
    if not names.isdisjoint(patterns):
        return True
    return any("*" in p and any(fnmatchcase(name, _star(p)) for name in names) for p in patterns)


def _star(pattern: str) -> str:
    """The pattern with only * special: [ and ? stand for themselves."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _holds(match: Match, facts: Facts, state: State, hints: Hints, names: set[str]) -> bool:
    return (
        (not match.workloads or workload_of(facts, hints) in match.workloads)
        and (not match.depths or (hints.depth or facts.depth) in match.depths)
        and (not match.tasks or (hints.task or facts.task) in match.tasks)
        and (not match.roles or (hints.role or facts.role) in match.roles)
        and (not match.endpoints or facts.endpoint in match.endpoints)
        and (not match.models or names_match(names, match.models))
        and _sent_holds(match, facts, state)
    )


def _sent_holds(match: Match, facts: Facts, state: State) -> bool:
    """The conditions on what came with the prompt: tools, tags, metadata."""
    if match.tools is not None and match.tools != (bool(facts.template.tools) or "tools" in facts.needs):
        return False
    if match.tool_names and (state.sent is None or match.tool_names.isdisjoint(state.sent.tools)):
        return False
    if match.tags and match.tags.isdisjoint(state.tags):
        return False
    return all(state.metadata.get(key) in values for key, values in match.metadata.items())
