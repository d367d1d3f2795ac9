"""Joining what the template and the turn say into task and depth, with the reasons.

Depth starts from the elected task's cues and moves by few steps: a domain lifts a band, several
constraints lift open work, a closed list of answers lowers a pick. Where template and turn
disagree the deeper reading wins; where neither speaks the answer is 'unknown'.
"""

from __future__ import annotations

import msgspec

from tierwise.calls import Endpoint
from tierwise.workloads import _instructions
from tierwise.workloads._cues import CLOSED_TASKS, CUES, DATA_TASKS, USUAL_DEPTH, depth_of
from tierwise.workloads._signals import CueHit, TemplateSignals, ToolText, TurnSignals, Verdict
from tierwise.workloads._structure import CODE, MATHS, NUMBERS, OPTIONS, TABLE
from tierwise.workloads._task import phrase, tally
from tierwise.workloads._turn import BANDS, read_turn
from tierwise.workloads._types import Task

__all__ = ["Judge", "judge", "read_template", "read_turn"]

_DOMAIN = 0.35
"""A specialised domain lifts routine work to professional and a pick to routine."""
_SOFT_CAP = 0.58
"""Domains and formulas lift to professional, never to frontier by themselves."""
_CLOSED = 0.15
_ENOUGH = 0.3
"""Votes under this elect nothing."""
_ROUTINE = 0.15
_NEAR = 0.75
"""A task with this share of the winner's votes is near enough for its depth to count."""
_PLACE = (0.35, 0.8, 1.0)
"""Weight of a cue by its place in the turn."""
_ORDER_ONLY = (0.1, 0.2, 1.0)
"""The same for tasks of closed output: 'convert' in the middle of a question orders nothing."""
_AGAINST = 0.35
"""In an open template, a closed task is doubted by any deeper cue of this share of its votes."""
_PICKING = frozenset({"pick", "closed output"})
_UNREAD = 5
"""From this band on (600 tokens) much of a turn lies outside what is read."""
_SERVICE = frozenset({"support", "customers"})
_ASKED_OF_SHOPS = frozenset({"solve", "why"})
_HARD_ANYWAY = 1.6
"""'Label the answer' over a proof: what is hard in the turn outweighs a closed verb above it."""
_BRIEF = 1
"""Bands up to this (under 12 tokens) with tools offered are orders to use them."""
_BRIEF_ORDER = 0.4
_NO_TURN = TurnSignals(cues=(), small=None, flags=0, band=0, answers_tools=False, later=False, images=False)
_GREW_BY_CONSTRAINTS: frozenset[Task] = frozenset(
    {"planning", "financial modeling", "coding", "research", "document generation", "structured analysis"}
)
_GREW_BY_LENGTH: frozenset[Task] = frozenset({"summarization", "extraction", "structured analysis"})
_MOST_SIGNALS = 8


class _Vote(msgspec.Struct, frozen=True, gc=False):
    """One piece of evidence: the task it speaks for, its weight, depth, and how it is shown."""

    task: Task | None
    weight: float
    depth: float | None
    shown: str
    hard: bool = False
    spoken: bool = True
    """Said in words, rather than read off tools, schema or layout."""


def read_template(
    instructions: str,
    tools: tuple[ToolText, ...] = (),
    schema: bytes = b"",
    endpoint: Endpoint = "chat",
) -> TemplateSignals:
    """As `_instructions.read_template`, with the task and depth that the template alone shows."""
    bare = _instructions.read_template(instructions, tools, schema, endpoint)
    verdict = judge(bare, _NO_TURN)
    return msgspec.structs.replace(
        bare, task=verdict.task, depth=verdict.depth, score=verdict.score, signals=verdict.signals
    )


class Judge:
    """Remembers verdicts, bounded; the same arguments give the same verdict whatever it saw before."""

    def __init__(self, most: int = 16_384) -> None:
        self._most = most
        self._known: dict[tuple[object, ...], Verdict] = {}

    def judge(
        self,
        template: TemplateSignals,
        turn: TurnSignals,
        *,
        max_output_tokens: int | None = None,
        effort: str | None = None,
        needs: frozenset[str] = frozenset(),
    ) -> Verdict:
        """As the function `judge`, remembered."""
        key = (template, turn, max_output_tokens, effort, needs)
        known = self._known.get(key)
        if known is None:
            known = judge(template, turn, max_output_tokens=max_output_tokens, effort=effort, needs=needs)
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[key] = known
        return known


def judge(
    template: TemplateSignals,
    turn: TurnSignals,
    *,
    max_output_tokens: int | None = None,
    effort: str | None = None,
    needs: frozenset[str] = frozenset(),
) -> Verdict:
    """Task and depth of one call.

    Args:
        template: What instructions, tools and schema say.
        turn: What the newest user turn says.
        max_output_tokens: The cap sent, if any; a small cap confirms a closed answer, and never
            makes one.
        effort: Reasoning effort as sent. 'high' and above lift open work within its band's reach.
        needs: Capabilities of the call, in the catalog's feature words.
    """
    if turn.small is not None and template.fixed not in DATA_TASKS | {"document generation"}:
        return _small(template, turn)
    votes = _votes(template, turn, needs)
    ranked = tally((vote.task, vote.weight) for vote in votes)
    task: Task = ranked[0][0] if ranked and ranked[0][1] >= _ENOUGH else "unknown"
    share = _AGAINST if task in CLOSED_TASKS and template.fixed is None else _NEAR
    near = {t for t, weight in ranked if weight >= ranked[0][1] * share} if task != "unknown" else set()
    base = _base(template, turn, votes, task, near)
    score, reasons = _lifted(template, turn, task, base, votes)
    if score is None:
        return Verdict(task=task, depth="unknown", score=0.0, signals=_shown(votes, task, turn, reasons))
    if effort in {"high", "xhigh", "max"} and score > -0.35:
        score, reasons = min(score + 0.1, 1.0), [*reasons, f"effort: {effort}"]
    if max_output_tokens is not None and max_output_tokens <= 32 and task in CLOSED_TASKS:
        score, reasons = score - 0.05, [*reasons, f"output capped at {max_output_tokens} tokens"]
    score = round(max(-1.0, min(1.0, score)), 3)
    return Verdict(task=task, depth=depth_of(score), score=score, signals=_shown(votes, task, turn, reasons))


def _small(template: TemplateSignals, turn: TurnSignals) -> Verdict:
    """A turn that only thanks, greets or agrees: long instructions, tools and history do not lift it."""
    if turn.small != "go ahead":
        return Verdict(
            task="chat", depth="commodity", score=-0.6, signals=(f"newest turn: only {turn.small}",)
        )
    if not turn.later and not template.tools:
        return Verdict(task="chat", depth="unknown", score=0.0, signals=("newest turn: agrees to nothing",))
    task: Task = "tool call" if template.tools else template.task if template.task != "unknown" else "chat"
    # What is agreed to stands in earlier turns: the instructions tell its depth, short of the top.
    score = max(-0.1, min(template.score, 0.3)) if template.depth != "unknown" else -0.1
    return Verdict(task=task, depth=depth_of(score), score=score, signals=("newest turn: only agrees",))


def _votes(template: TemplateSignals, turn: TurnSignals, needs: frozenset[str]) -> list[_Vote]:
    own, users = _scales(template)
    votes = [_told(template, hit, own) for hit in template.hits]
    for task, weight, shown in template.votes:
        step = turn.band <= _BRIEF or turn.answers_tools
        brief = _BRIEF_ORDER if task == "tool call" and step else 0.0
        votes.append(_Vote(task, weight + brief, USUAL_DEPTH[task], shown, spoken=False))
    open_to_hard = template.fixed in CLOSED_TASKS and not template.labels
    serves = _serves(template)
    written = any(name == "write" for name, _, _ in turn.cues)
    for name, language, place in turn.cues:
        cue = CUES[name]
        if not cue.told and not (written and name == "produce"):
            scale = _HARD_ANYWAY if cue.hard and open_to_hard else users
            if serves and name in _ASKED_OF_SHOPS:
                scale *= 0.4
            weight = cue.vote * (_ORDER_ONLY if cue.task in CLOSED_TASKS else _PLACE)[place] * scale
            votes.append(_Vote(cue.task, weight, cue.depth, phrase(name, language), cue.hard))
    exam = open_to_hard and not template.needs
    votes += _structural(template, turn, _HARD_ANYWAY if exam else users)
    if _constraints(template, turn) >= 3:
        votes.append(_Vote("planning", 0.35, 0.4, "several constraints"))
    if "computer_use" in needs:
        votes.append(_Vote("computer use", 1.2, 0.3, "needs computer use"))
    return votes


def _serves(template: TemplateSignals) -> bool:
    """The instructions speak of customers, who ask how much and how long about ordinary things."""
    return any(hit.cue in _SERVICE for hit in template.hits)


def _told(template: TemplateSignals, hit: CueHit, own: float) -> _Vote:
    """A cue of the instructions. Picking is closed work only where the list to pick from is seen."""
    cue = CUES[hit.cue]
    scale = 1.0 if cue.kind == "role" or cue.task == "chat" else own
    depth = -0.6 if template.labels and hit.cue in _PICKING else cue.depth
    return _Vote(cue.task, cue.vote * hit.weight * scale, depth, phrase(hit.cue, hit.language), cue.hard)


def _scales(template: TemplateSignals) -> tuple[float, float]:
    """How much the words of the instructions and of the turn weigh."""
    if template.fixed is None:
        return 0.8, 1.2
    return (1.0, 0.1) if template.fixed in DATA_TASKS else (0.8, 0.5)


def _structural(template: TemplateSignals, turn: TurnSignals, scale: float) -> list[_Vote]:
    votes = []
    if turn.flags & CODE:
        votes.append(_Vote("coding", 0.6 * scale, 0.4, "newest turn: code"))
    if turn.flags & MATHS:
        votes.append(_Vote("reasoning", 0.7 * scale, 0.45, "newest turn: formulas"))
    if turn.flags & OPTIONS:
        votes.append(_Vote("reasoning", 0.8 * scale, 0.35, "newest turn: answer options"))
    if turn.flags & TABLE:
        votes.append(_Vote("structured analysis", 0.5 * scale, 0.3, "newest turn: a table"))
    if turn.flags & NUMBERS and not _serves(template):
        votes.append(_Vote("reasoning", 0.4 * scale, 0.3, "newest turn: asks about several numbers"))
    return votes


def _base(
    template: TemplateSignals, turn: TurnSignals, votes: list[_Vote], task: Task, near: set[Task]
) -> float | None:
    """Depth by the cues of the elected task, or of one that came near it; None when none tells."""
    if task == "tool call" and not any(vote.task == task and vote.spoken for vote in votes):
        # A tool list alone says nothing of a longer question, and search serves any depth.
        searches = any(vote.task == "research" for vote in votes)
        if turn.band >= 3 or (searches and turn.band > _BRIEF):
            return None
    alone = (template.labels and task in CLOSED_TASKS) or (task == "tool call" and turn.band <= _BRIEF)
    counted = {task} if alone else near
    if task == "chat" and turn.band >= _UNREAD and _serves(template):
        return None  # most of so long a turn was not read, and not every long letter is a small matter
    heavy = [vote for vote in votes if vote.depth is not None and vote.weight >= 0.1]
    own = max((vote.depth or 0.0 for vote in heavy if vote.task == task), default=None)
    others = max((vote.depth or 0.0 for vote in heavy if vote.spoken and vote.task in counted), default=None)
    if own is None:
        # A neighbour may deepen a task without depth of its own, never make it simple.
        return others if others is not None and others > _ROUTINE else None
    return max(own, others) if others is not None else own


def _lifted(
    template: TemplateSignals, turn: TurnSignals, task: Task, base: float | None, votes: list[_Vote]
) -> tuple[float | None, list[str]]:
    """The score after domain, constraints, length and closed answers, and their reasons."""
    reasons: list[str] = []
    domains = _domains(template, turn, task)
    constraints = _constraints(template, turn)
    if base is None and not domains:
        return None, reasons
    score = base or 0.0
    if domains:
        reasons += domains
        score = max(score, min(score + _DOMAIN, _SOFT_CAP))
    if constraints >= 2 and task in _GREW_BY_CONSTRAINTS:
        reasons.append("several constraints")
        score += 0.25 if constraints >= 3 else 0.15
    if turn.band >= 7 and task in _GREW_BY_LENGTH:
        reasons.append("a long input")
        score = max(score, min(score + (0.3 if turn.band >= 8 else 0.2), _SOFT_CAP))
    if template.wide_schema and task == "extraction":
        reasons.append("schema: many fields")
        score += 0.3
    mine = {vote.shown for vote in votes if vote.task == task and vote.weight >= 0.1}
    if len(mine) >= 2 and any(vote.hard for vote in votes if vote.task == task and vote.weight >= 0.1):
        score += 0.1
    if task == "planning" and template.role == "orchestrator":
        reasons.append("directs agents")
        score += 0.25
    if template.labels and task in CLOSED_TASKS and not domains:
        reasons.append("answer from a closed list")
        score -= _CLOSED
    return score, reasons


def _domains(template: TemplateSignals, turn: TurnSignals, task: Task) -> list[str]:
    """Specialised domains that count: in material for a closed task they do not."""
    if task in {"coding", "financial modeling"}:
        return []
    found = {hit.cue for hit in template.hits if CUES[hit.cue].kind == "domain"}
    if not (template.fixed in CLOSED_TASKS and task in CLOSED_TASKS):
        found |= {name for name, _, _ in turn.cues if CUES[name].kind == "domain"}
    return sorted(found)


def _constraints(template: TemplateSignals, turn: TurnSignals) -> int:
    return sum(hit.cue == "constraint" for hit in template.hits) + sum(
        name == "constraint" for name, _, _ in turn.cues
    )


def _shown(votes: list[_Vote], task: Task, turn: TurnSignals, reasons: list[str]) -> tuple[str, ...]:
    mine = sorted((v for v in votes if v.task == task and v.weight > 0.05), key=lambda v: -v.weight)
    length = (
        f"newest turn: under {BANDS[turn.band + 1]} tokens"
        if turn.band + 1 < len(BANDS)
        else "a very long turn"
    )
    shown = [*(vote.shown for vote in mine[:4]), *reasons]
    if turn.images:
        shown.append("carries images")
    if turn.answers_tools:
        shown.append("answers tool results")
    if turn is not _NO_TURN:
        shown.append(length)
    return tuple(dict.fromkeys(shown))[:_MOST_SIGNALS]
