"""Scores that a ledger has of calls become outcomes to train on."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import RECORDER_VERSION, Recorded
from tierwise.catalog import Catalog
from tierwise.cli import main
from tierwise.ledger import Closed, Ledger, Opened, Spool, add_outcomes
from tierwise.ledger import Outcome as Said
from tierwise.online import Asked, Course, MemoryRecorder, Pipeline, Reply
from tierwise.policy import Text as Kept
from tierwise.policy import parse_policy
from tierwise.router import Text, load, recorded_outcomes
from tierwise.router._recorded import DAMAGED, FAILED, NO_SCORE, NO_TEXT

AT = 1_795_600_000_000_000
CANARY = b"""
ladder = "gpt-5.4"
[[rule]]
name = "mixed"
match = {}
rung = "gpt-5.4-nano"
stage = "canary"
share = 0.25
unproven = true
approved_by = "kim"
[default]
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def recorded(**changes: Any) -> Recorded:
    usual: dict[str, Any] = {
        "id": "r1",
        "at": AT,
        "endpoint": "chat",
        "served": "gpt-5.4-nano-2026-03-17",
        "status": "ok",
        "scores": {"score": 1.0},
        "cost": Decimal("0.01"),
    }
    return Recorded(recorder=RECORDER_VERSION, **(usual | changes))


def line(**changes: Any) -> bytes:
    return msgspec.json.Encoder(decimal_format="number").encode(recorded(**changes))


def test_an_outcome_has_the_rung_that_served_and_the_score_that_was_said(catalog: Catalog) -> None:
    found = recorded_outcomes([line(scores={"score": 0.5, "f1": 0.1})], {"r1": Text("Why?")}, catalog)
    (outcome,) = found.outcomes
    assert (outcome.request, outcome.rung, outcome.score) == ("r1", "gpt-5.4-nano", 0.5)
    assert (outcome.propensity, outcome.cost, outcome.text) == (1.0, 0.01, Text("Why?"))
    (other,) = recorded_outcomes(
        [line(scores={"score": 0.5, "f1": 0.1})], {"r1": Text("Why?")}, catalog, name="f1"
    ).outcomes
    assert other.score == 0.1


LEFT = [
    ("no score", line(scores={"f1": 1.0}), NO_SCORE),
    ("a score above 1", line(scores={"score": 7.0}), NO_SCORE),
    ("no text", line(id="r2"), NO_TEXT),
    ("an error", line(status="error"), FAILED),
    ("served by nobody knows what", line(served=None), FAILED),
    ("a model there is not", line(served="gpt-9x"), DAMAGED),
    ("facts that are none", line(facts=msgspec.Raw(b'{"a":1}')), DAMAGED),
    ("a decision that is none", line(decision=msgspec.Raw(b"[]")), DAMAGED),
    ("no line", b"{", DAMAGED),
    ("bytes", b'"\xff"', DAMAGED),
    ("deep", b'{"recorder":' + b"[" * 100_000, DAMAGED),
]


@pytest.mark.parametrize(("raw", "why"), [row[1:] for row in LEFT], ids=[row[0] for row in LEFT])
def test_what_teaches_nothing_is_left_out_and_counted(catalog: Catalog, raw: bytes, why: str) -> None:
    found = recorded_outcomes([raw, line()], {"r1": Text("Why?")}, catalog)
    assert len(found.outcomes) == 1
    assert found.left == {why: 1}


@given(st.binary(max_size=60), st.integers(0, 400))
def test_no_line_raises(catalog: Catalog, noise: bytes, at: int) -> None:
    good = line()
    place = at % len(good)
    found = recorded_outcomes([noise, good[:place] + noise + good[place:]], {"r1": Text("Why?")}, catalog)
    assert len(found.outcomes) + sum(found.left.values()) == 2


def test_a_canarys_draw_is_its_propensity(catalog: Catalog) -> None:
    """One in four was drawn; a call that stays although it was drawn would have stayed anyway."""
    checked = parse_policy(CANARY, catalog)
    assert checked.policy is not None, checked.problems
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=checked.policy)
    # As asked it is on the rung already: nothing to move to.
    for number in range(40):
        for model in ("gpt-5.5", "gpt-5.4-nano"):
            said = {
                "model": model,
                "messages": [{"role": "user", "content": f"Is {number} a prime? Say why."}],
            }
            asked = Asked(method="POST", path="/v1/chat/completions", body=json.dumps(said).encode())
            course = Course(pipeline, asked)
            served = json.loads(course.outgoing.body)["model"]  # type: ignore[union-attr]  # there is one
            body = {
                "id": f"c{number}{model}",
                "object": "chat.completion",
                "created": 1,
                "model": served,
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
                ],
                "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
            }
            course.came(Reply(status=200, body=json.dumps(body).encode()))
    encode = msgspec.json.Encoder(decimal_format="number").encode
    lines = [encode(msgspec.structs.replace(entry.line, scores={"score": 1.0})) for entry in recorder.entries]
    texts = {entry.line.id: Text("Is it?") for entry in recorder.entries if entry.line.id}
    found = recorded_outcomes(lines, texts, catalog)
    assert not found.left
    by_model = {"gpt-5.5": set(), "gpt-5.4-nano": set()}  # type: ignore[var-annotated]  # of (rung, propensity)
    for entry, outcome in zip(recorder.entries, found.outcomes, strict=True):
        by_model[entry.line.asked].add((outcome.rung, outcome.propensity))  # type: ignore[index]  # asked for one
    assert by_model["gpt-5.5"] == {("gpt-5.4-nano", 0.25), ("gpt-5.5", 0.75)}
    assert ("gpt-5.4-nano", 0.25) not in by_model["gpt-5.4-nano"]


def body(at: int) -> dict[str, Any]:
    text = f"{'prove the theorem' if at % 2 else 'label the ticket'} number {at % 23}"
    return {"model": "gpt-5.5", "messages": [{"role": "user", "content": text}]}


def test_train_joins_a_ledgers_scores_with_logs_and_with_text_that_was_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, log, scorer = str(tmp_path / "l.db"), tmp_path / "calls.jsonl", tmp_path / "a.scorer"
    spool, said, logged = Spool(tmp_path / "spool"), [], []
    for at in range(420):
        served, name = ("gpt-5.4-nano", "gpt-5.4")[at // 2 % 2], f"tw_{at}"
        call = recorded(id=f"chatcmpl-{at}", served=served, scores={}, project="p", at=AT + at)
        packed = zstandard.ZstdCompressor().compress(json.dumps(body(at)).encode())
        text = Kept(until=1 << 62, request=packed) if at % 3 else None
        spool.append(Opened(id=name, at=AT + at))
        spool.append(Closed(id=name, call=call, text=text))
        score = Decimal(0) if at % 2 and served == "gpt-5.4-nano" else Decimal(1)
        said.append(Said(call=name, at=AT, score=score, project="p"))
        reply = {
            "id": f"chatcmpl-{at}",
            "object": "chat.completion",
            "created": AT // 1_000_000,
            "model": served,
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
        }
        logged.append(json.dumps({"request": body(at), "response": reply}))
    ledger = Ledger(url)
    ledger.fold(spool.path)
    spool.close()
    with ledger.asked() as connection:
        add_outcomes(connection, said)
    ledger.close()
    log.write_text("\n".join(logged) + "\n", "utf-8")

    rungs = ["--rung", "gpt-5.4-nano", "--rung", "gpt-5.4", "-o", str(scorer)]
    assert main(["train", str(log), "--ledger", url, *rungs]) == 0
    told = capsys.readouterr().out
    assert "420 scored calls of the ledger" in told
    assert "gpt-5.4-nano: 210 labelled calls" in told
    found = load(scorer)
    hard, easy = (
        found.score(Text(f"{words} number 3")) for words in ("prove the theorem", "label the ticket")
    )
    assert hard.rungs[0].chance < 0.2
    assert easy.rungs[0].chance > 0.8

    assert main(["train", "--ledger", url, "--rung", "gpt-5.4", "-o", str(scorer)]) != 0
    told = "".join(capsys.readouterr())
    assert f"140 calls of the ledger left out: {NO_TEXT}" in told
    assert "expected 200 labelled calls of a rung" in told


def test_training_on_nothing_says_what_to_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--rung", "a"]) != 0
    assert "expected --from PATH or --ledger URL" in capsys.readouterr().err
    (tmp_path / "proof.json").write_text('{"verdict": "holds (gold)"}')
    (tmp_path / "other.json").write_bytes(b"\xff")
    assert main(["train", "--from", str(tmp_path), "--rung", "a"]) != 0
    assert "evidence of whole workloads (proof.json), which names no calls" in capsys.readouterr().err
