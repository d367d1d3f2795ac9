"""A scorer in front of live calls: its numbers are recorded, decide, and replay without its file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.calls import Recorded, Request, parse_request
from tierwise.catalog import Catalog
from tierwise.online import Asked, Course, MemoryRecorder, Pipeline, Reply, scorers_of
from tierwise.policy import Live, Policy, RungScore, Scored, Scorer, load_live, replay
from tierwise.workloads import Facts, Recogniser

RULE = """
ladder = "gpt-5.4"
[[rule]]
name = "mixed"
match = {}
rung = "gpt-5.4-nano"
scorer = SCORER
stage = "STAGE"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""
EASY, HARD = "classify the ticket about number 5", "prove the theorem on number 5"
STRANGE = "zzxq wrbl kkfjd ppqow mnbvc"
GOOD = Reply(
    status=200,
    body=b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-5.5-2026-04-23","choices":[{"index":0,'
    b'"finish_reason":"stop","message":{"role":"assistant","content":"x"}}],"usage":{"prompt_tokens":1000,'
    b'"completion_tokens":100,"total_tokens":1100}}',
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def live(folder: Path, catalog: Catalog, scorer: str, stage: str = "on") -> Live:
    path = folder / "tierwise.toml"
    path.write_text(RULE.replace("SCORER", scorer).replace("STAGE", stage), "utf-8")
    return load_live(path, catalog)


@pytest.fixture
def trained(tmp_path: Path, scorer_file: Path, catalog: Catalog) -> Live:
    (tmp_path / "router.scorer").write_bytes(scorer_file.read_bytes())
    return live(tmp_path, catalog, '{ file = "router.scorer", quality = 0.9 }')


def entries_of(found: Live, catalog: Catalog, *texts: str, own: Scorer | None = None) -> list[Any]:
    """What is taken down of calls with these texts."""
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=found.policy, scorers=scorers_of(found, own))
    for text in texts:
        body = json.dumps({"model": "gpt-5.5", "messages": [{"role": "user", "content": text}]}).encode()
        asked = Asked(method="POST", path="/v1/chat/completions", body=body)
        Course(pipeline, asked).came(GOOD)
    return list(recorder.entries)


def test_each_call_goes_where_its_scores_let_it(trained: Live, catalog: Catalog) -> None:
    easy, hard, strange = entries_of(trained, catalog, EASY, HARD, STRANGE)

    assert easy.decision.plan.rung.model == "gpt-5.4-nano"
    assert hard.decision.plan.rung.model == "gpt-5.4"
    assert strange.decision.plan.rung.model == "gpt-5.5"
    assert [e.state.scored.known for e in (easy, hard, strange)] == [True, True, False]
    assert {e.state.scored.scorer for e in (easy, hard)} == set(trained.scorers)
    assert any("gpt-5.4-nano holds with " in reason for reason in easy.decision.reasons)


def test_decisions_replay_to_the_same_bytes_without_the_scorer(trained: Live, catalog: Catalog) -> None:
    lines = [
        msgspec.json.decode(msgspec.json.encode(e.line), type=Recorded)
        for e in entries_of(trained, catalog, EASY, HARD, STRANGE)
    ]
    policies: dict[str, Policy] = {trained.policy.digest: trained.policy}
    found = replay(lines, policies.get, catalog)
    assert (found.same, found.differ, found.left.total()) == (3, 0, 0)


def test_the_prior_is_only_looked_at(tmp_path: Path, catalog: Catalog) -> None:
    found = live(tmp_path, catalog, '{ file = "prior", quality = 0.6 }', stage="shadow")
    (easy, hard) = entries_of(
        found,
        catalog,
        "What colour is the sky?",
        "Let p be an odd prime. Find the number of subgroups of order p in the group Z_p x Z_p, and prove it.",
    )
    assert not easy.decision.moved
    assert not hard.decision.moved
    assert easy.state.scored.rungs[0].chance > hard.state.scored.rungs[0].chance
    assert easy.decision.shadow is not None
    assert hard.decision.shadow is None


def test_without_its_scorer_a_rule_leaves_calls_as_asked(tmp_path: Path, catalog: Catalog) -> None:
    (entry,) = entries_of(live(tmp_path, catalog, '"own"'), catalog, EASY)
    assert not entry.decision.moved
    assert "no score of this call by the scorer plugged in" in entry.decision.reasons[0]


def chances(low: float, rung: str = "gpt-5.4-nano", digest: str = "mine") -> Scored:
    return Scored((RungScore(rung, 1.0, low, 0.0),), support=1.0, known=True, digest=digest)


def test_a_scorer_of_ones_own_is_asked_with_request_and_facts(tmp_path: Path, catalog: Catalog) -> None:
    def own(request: Request, facts: Facts | None = None, /) -> Scored:
        assert facts is not None
        return chances(0.99 if "ticket" in request.messages[-1].text else 0.0)

    easy, hard = entries_of(live(tmp_path, catalog, '"own"'), catalog, EASY, HARD, own=own)
    assert (easy.decision.plan.rung.model, hard.decision.plan.rung.model) == ("gpt-5.4-nano", "gpt-5.5")
    assert any("the scorer plugged in, mine" in reason for reason in easy.decision.reasons)


def fails(request: Request, facts: Facts | None = None, /) -> Scored:
    raise RuntimeError("secret of the prompt")


BAD: list[tuple[str, Callable[..., Any]]] = [
    ("raises", fails),
    ("gives nothing", lambda *_: None),
    ("gives no number", lambda *_: chances(float("nan"))),
    ("gives a word", lambda *_: chances("much")),  # type: ignore[arg-type]
    ("gives more than all", lambda *_: chances(1.5)),
    ("gives a digest of lone surrogates", lambda *_: chances(0.5, digest="\ud800")),
    ("gives a rung of lone surrogates", lambda *_: chances(0.99, rung="\ud800")),
    ("gives a digest that is none", lambda *_: chances(0.5, digest=7)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("own", [one for _, one in BAD], ids=[name for name, _ in BAD])
def test_a_scorer_that_fails_leaves_the_call_as_asked_with_the_reason(
    tmp_path: Path, catalog: Catalog, own: Scorer
) -> None:
    """And what it said stands nowhere: it may have read the prompt."""
    found = live(tmp_path, catalog, '"own"')
    (entry,) = entries_of(found, catalog, EASY, own=own)
    assert entry.decision.plan.rung.model == "gpt-5.5"
    assert entry.decision.changes == ()
    assert "the scorer plugged in" in entry.decision.reasons[0]
    assert b"secret" not in msgspec.json.encode(entry.line)
    assert replay([entry.line], {found.policy.digest: found.policy}.get, catalog).same == 1


def test_another_policy_brings_its_scorers_and_keeps_ones_own(
    tmp_path: Path, trained: Live, catalog: Catalog
) -> None:
    recorder = MemoryRecorder()
    first = live(tmp_path, catalog, '"own"')
    pipeline = Pipeline(
        catalog, recorder, policy=first.policy, scorers=scorers_of(first, lambda *_: chances(0.99))
    )

    def goes() -> str:
        body = json.dumps({"model": "gpt-5.5", "messages": [{"role": "user", "content": EASY}]}).encode()
        Course(pipeline, Asked(method="POST", path="/v1/chat/completions", body=body)).came(GOOD)
        decision = recorder.entries[-1].decision
        assert decision is not None
        return decision.plan.rung.model

    assert goes() == "gpt-5.4-nano"
    pipeline.go_by(trained.policy, None, b"")
    assert goes() == "gpt-5.5"
    pipeline.go_by(trained.policy, None, b"", scorers_of(trained))
    assert goes() == "gpt-5.4-nano"
    pipeline.go_by(first.policy, None, b"")
    assert goes() == "gpt-5.4-nano"


@pytest.mark.parametrize("text", ["", "\U0001f600" * 50, "\u0000", "ß" * 9_000, "提出三个问题" * 500])
def test_texts_of_any_kind_are_scored(trained: Live, catalog: Catalog, text: str) -> None:
    (entry,) = entries_of(trained, catalog, text)
    assert entry.reason is None
    assert entry.state.scored.why_not == ""


def test_a_score_takes_about_a_millisecond(trained: Live) -> None:
    """2,000 tokens; the least of many, as the machine is shared. docs/router.md has what was measured."""
    (scorer,) = scorers_of(trained).values()
    body = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "classify the ticket about " * 310}]}
    request = parse_request("chat", json.dumps(body).encode())
    facts = Recogniser().recognise(request)
    taken = []
    for _ in range(20):
        began = time.process_time()
        scorer(request, facts)
        taken.append(time.process_time() - began)
    assert Decimal(min(taken)) < Decimal("0.005")
