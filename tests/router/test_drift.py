"""A scorer whose chances no longer fit is found out, and one that fits is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tierwise.calls import Recorded
from tierwise.catalog import Catalog
from tierwise.cli import main
from tierwise.errors import OutOfBounds
from tierwise.ledger import Closed, Ledger, Opened, Spool
from tierwise.online import Asked, Course, MemoryRecorder, Pipeline, Reply, scorers_of
from tierwise.policy import load_live
from tierwise.router import Drift, DriftState, Scorer, load, watch

POLICY = """
ladder = "gpt-5.4"
[[rule]]
name = "mixed"
match = {}
rung = "gpt-5.4-nano"
scorer = { file = "FILE", quality = 0.9 }
stage = "on"
unproven = true
approved_by = "kim"
[default]
"""
EASY, HARD = "classify the ticket about number {}", "prove the theorem on number {}"


@pytest.fixture(scope="module")
def scorer(scorer_file: Path) -> Scorer:
    return load(scorer_file)


def told(drift: Drift, held: float, count: int, seed: int = 0) -> int | None:
    """Answers until the alarm, of calls that were given a chance of 0.95; None without one."""
    lucky = np.random.default_rng(seed).random(count)
    return next((at for at, one in enumerate(lucky, 1) if drift.told(0.95, bool(one < held))), None)


def test_outcomes_as_the_scorer_said_give_no_alarm_and_worse_ones_do(scorer: Scorer) -> None:
    drift = Drift(scorer)
    assert told(drift, 0.95, 6000) is None
    late = told(drift, 0.85, 3000, seed=1)
    assert late is not None
    assert drift.state.outcomes.began_at is not None
    assert abs(drift.state.outcomes.began_at - 6000) < 300
    assert drift.state.scores.alarm_at is None


def test_scores_as_in_training_give_no_alarm_and_lower_ones_do(scorer: Scorer) -> None:
    drift, draw = Drift(scorer), np.random.default_rng(2)
    usual = draw.choice(scorer.curves[0].chance, 6000)
    for chance in usual:
        assert not drift.scored(float(chance))
    lower = draw.choice(scorer.curves[0].chance, 3000) * 0.8
    assert any(drift.scored(float(chance)) for chance in lower)


def test_calls_that_are_not_known_lower_the_scores(scorer: Scorer) -> None:
    drift, draw = Drift(scorer), np.random.default_rng(3)
    usual = draw.choice(scorer.curves[0].chance, 4000)
    assert any(drift.scored(float(chance), known=at % 4 > 0) for at, chance in enumerate(usual))


def test_a_watch_goes_on_from_its_state(scorer: Scorer) -> None:
    whole, first = Drift(scorer), Drift(scorer)
    draw = np.random.default_rng(4)
    answers = [bool(one < 0.9) for one in draw.random(1500)]
    for held in answers[:400]:
        first.told(0.95, held)
    again = Drift(scorer, state=msgspec.json.decode(msgspec.json.encode(first.state), type=DriftState))
    for held in answers[400:]:
        again.told(0.95, held)
    for held in answers:
        whole.told(0.95, held)
    assert again.state == whole.state
    assert len(msgspec.json.encode(whole.state)) < 3000


@pytest.mark.parametrize("chance", [1.5, -2.5, float("nan")])
def test_what_is_no_chance_is_refused(scorer: Scorer, chance: float) -> None:
    with pytest.raises(OutOfBounds):
        Drift(scorer).told(chance, held=False)


def recorded(folder: Path, scorer_file: Path, texts: list[str]) -> list[Recorded]:
    """Calls that a policy with the scorer decided."""
    path = folder / "tierwise.toml"
    path.write_text(POLICY.replace("FILE", str(scorer_file)), "utf-8")
    catalog, recorder = Catalog.open(), MemoryRecorder(most=len(texts))
    live = load_live(path, catalog)
    pipeline = Pipeline(catalog, recorder, policy=live.policy, scorers=scorers_of(live))
    for text in texts:
        body: dict[str, Any] = {"model": "gpt-5.5", "messages": [{"role": "user", "content": text}]}
        course = Course(
            pipeline, Asked(method="POST", path="/v1/chat/completions", body=json.dumps(body).encode())
        )
        assert course.outgoing is not None
        reply = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": json.loads(course.outgoing.body)["model"],
            "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
        }
        course.came(Reply(status=200, body=json.dumps(reply).encode()))
    return [entry.line for entry in recorder.entries]


encode = msgspec.json.Encoder(decimal_format="string").encode


def test_recorded_calls_are_watched_in_their_order(tmp_path: Path, scorer: Scorer, scorer_file: Path) -> None:
    calls = recorded(tmp_path, scorer_file, [(EASY, HARD)[at % 2].format(at % 37) for at in range(60)])
    held = [encode(msgspec.structs.replace(one, scores={"score": 1.0})) for one in calls] * 5
    failed = [encode(msgspec.structs.replace(one, scores={"score": 0.0})) for one in calls] * 5
    broken = [b"{", encode(calls[0])[:-9], b'"\xff"']

    fine = watch([*broken, *held], scorer, Catalog.open())
    on_a_rung = sum(one.served in scorer.about.rungs for one in calls)
    assert 40 < on_a_rung < 60, "some go where no rung was scored"
    assert (fine.scored, fine.told) == (300, 5 * on_a_rung)
    assert abs(fine.mean - fine.expected) < 0.05
    assert (fine.scores_fell, fine.outcomes_fell) == (None, None)
    worse = watch([*held, *failed], scorer, Catalog.open())
    assert worse.outcomes_fell is not None
    assert 0 < worse.outcomes_fell - fine.told < 30
    assert worse.scores_fell is None
    assert watch(held, msgspec.structs.replace(scorer, digest="ab" * 32), Catalog.open()).scored == 0


def test_the_command_says_so_and_ends_with_1(
    tmp_path: Path, scorer_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = recorded(tmp_path, scorer_file, [EASY.format(at % 37) for at in range(80)])
    spool, url = Spool(tmp_path / "spool"), str(tmp_path / "l.db")
    for at, call in enumerate(calls):
        own = msgspec.structs.replace(call, id=f"c{at}", scores={"score": 0.0 if at > 20 else 1.0})
        spool.append(Opened(id=f"t{at}", at=own.at or 0))
        spool.append(Closed(id=f"t{at}", call=own))
    ledger = Ledger(url)
    ledger.fold(spool.path)
    ledger.close()
    spool.close()

    assert main(["drift", str(scorer_file), "--ledger", url]) == 1
    said = capsys.readouterr().out
    assert "80 calls were scored, chance of gpt-5.4-nano" in said
    assert "outcomes have fallen: alarm after" in said
    assert "scores have fallen" not in said
    assert main(["drift", str(scorer_file), "--ledger", url, "--score", "other"]) == 0
    assert "0 of them have a score" in capsys.readouterr().out
