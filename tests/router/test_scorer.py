"""Training, scoring, the artefact."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.calls import parse_request
from tierwise.errors import CallerError, ConfigurationError
from tierwise.policy import Scorer as Plugged
from tierwise.router import Outcome, Scorer, Text, cheapest, decode, encode, evaluate, load, save, train
from tierwise.workloads import Recogniser

RUNGS = ("small", "large")
EASY = ("label this ticket", "which colour is the sky", "greet the customer", "name the city")
HARD = ("prove the theorem", "derive the integral", "refute the lemma", "bound the eigenvalue")


def outcomes(count: int = 600, seed: int = 0) -> list[Outcome]:
    """The small rung fails on proofs nine times in ten, and the large one seldom fails."""
    draw = np.random.default_rng(seed)
    found = []
    for at in range(count):
        hard = bool(draw.random() < 0.5)
        text = Text(f"{draw.choice(HARD if hard else EASY)} number {at % 37}", "Answer briefly.")
        for rung, chance in (("small", 0.1 if hard else 0.95), ("large", 0.95)):
            held = float(draw.random() < chance)
            found.append(
                Outcome(request=str(at), text=text, rung=rung, score=held, cost=1.0 + 9 * (rung == "large"))
            )
    return found


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return train(outcomes(), RUNGS, bits=12).scorer


def test_what_was_taught_is_told_apart(scorer: Scorer) -> None:
    easy = scorer.score(Text("label this ticket number 5", "Answer briefly."))
    hard = scorer.score(Text("prove the theorem number 5", "Answer briefly."))

    assert easy.rungs[0].chance > 0.85
    assert hard.rungs[0].chance < 0.25
    assert min(easy.rungs[1].chance, hard.rungs[1].chance) > 0.85
    assert all(0 <= r.low <= r.chance <= 1 for one in (easy, hard) for r in one.rungs)
    assert cheapest(easy, least=0.75, baseline=1) == 0
    assert cheapest(hard, least=0.75, baseline=1) == 1


def test_nothing_moves_down_without_support(scorer: Scorer) -> None:
    strange = scorer.score(Text("zzxq wrbl kkfjd ppqow mnbvc", "Answer briefly."))

    assert not strange.known
    assert cheapest(strange, least=0.0, baseline=1) == 1


def test_a_move_needs_a_gain_that_stands_out_from_noise() -> None:
    """A few calls leave the lower end far below the chance; many bring it near."""
    few = train(outcomes(220), RUNGS, bits=12).scorer
    many = train(outcomes(2500), RUNGS, bits=12).scorer
    text = Text("label this ticket number 5", "Answer briefly.")

    assert few.score(text).rungs[0].low < many.score(text).rungs[0].low
    assert cheapest(few.score(text), least=0.85, baseline=1) == 1
    assert cheapest(many.score(text), least=0.85, baseline=1) == 0


def test_rungs_without_support_are_refused() -> None:
    made = train(outcomes(), (*RUNGS, "new"), bits=12)

    assert made.refused == (("new", 0),)
    assert made.scorer.about.rungs == RUNGS
    with pytest.raises(CallerError, match="200 labelled calls"):
        train(outcomes(50), RUNGS, bits=12)


@pytest.mark.parametrize(
    ("field", "value"), [("score", 1.5), ("score", float("nan")), ("propensity", 0.0), ("propensity", 2.0)]
)
def test_outcomes_out_of_bounds_are_refused(field: str, value: float) -> None:
    rows = outcomes(220)
    made = {"request": "x", "text": Text("x"), "rung": "small", "score": 1.0, field: value}
    with pytest.raises(CallerError, match=field):
        train([*rows, Outcome(**made)], RUNGS, bits=12)  # type: ignore[arg-type]


def test_propensities_undo_a_choice_that_hid_failures() -> None:
    """Half the failures of the small rung went unseen, the chance of being seen is known, and the weights restore it."""
    draw = np.random.default_rng(3)
    rows = []
    for at in range(4000):
        hard = at % 2 == 0
        seen = 0.1 if hard else 1.0
        if draw.random() < seen:
            text = Text(("prove it " if hard else "greet them ") + str(at % 11))
            held = float(draw.random() < (0.2 if hard else 0.9))
            rows.append(Outcome(request=str(at), text=text, rung="small", score=held, propensity=seen))
    scorer = train(rows, ("small",), bits=12).scorer
    chances = [scorer.score(Text(t)).rungs[0].chance for t in ("prove it 3", "greet them 3")]

    assert chances == pytest.approx([0.2, 0.9], abs=0.12)


def test_a_file_gives_back_the_same_scorer(scorer: Scorer, tmp_path: Path) -> None:
    digest = save(scorer, tmp_path / "a.scorer")
    again = load(tmp_path / "a.scorer")

    assert again.digest == digest == scorer.digest
    assert encode(again) == (tmp_path / "a.scorer").read_bytes()
    text = Text("derive the integral")
    assert again.score(text) == scorer.score(text)


def test_training_twice_gives_the_same_bytes(scorer: Scorer) -> None:
    assert encode(train(outcomes(), RUNGS, bits=12).scorer) == encode(scorer)


def signed(body: bytes) -> bytes:
    return body + sha256(body).digest()


def test_damaged_files_are_refused_with_a_name_and_a_remedy(scorer: Scorer, tmp_path: Path) -> None:
    good = encode(scorer)
    body = good[:-32]
    cases = {
        "empty": b"",
        "other": b"\x80\x04pickle",
        "cut": good[:-100],
        "one bit": good[:5000] + bytes([good[5000] ^ 1]) + good[5001:],
        "short arrays": signed(body[:-8]),
        "long arrays": signed(body + b"\0" * 8),
        "header length": signed(body[:18] + b"\xff\xff\xff\xff" + body[22:]),
        "no header": signed(body[:18]),
        "huge table": signed(body.replace(b'"bits":12', b'"bits":63')),
        "negative": signed(body.replace(b'"bits":12', b'"bits":-1')),
        "infinite": signed(body[:-4] + np.array([np.inf], dtype="<f4").tobytes()),
        "rungs": signed(body.replace(b'"large"', b'"small"', 1)),
    }
    for name, data in cases.items():
        with pytest.raises(ConfigurationError, match="tierwise train"):
            decode(data, name)
    with pytest.raises(ConfigurationError, match=r"none\.scorer"):
        load(tmp_path / "none.scorer")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300), st.text(max_size=50))
def test_any_text_is_scored(newest: str, instructions: str) -> None:
    """Other scripts, controls, and none at all give numbers in bounds, twice the same."""
    made = _shared()
    text = Text(newest, instructions)
    scored = made.score(text)

    assert scored == made.score(text)
    assert all(0 <= r.low <= r.chance <= 1 and np.isfinite(r.latent) for r in scored.rungs)
    assert 0 <= scored.support <= 1


_MADE: list[Scorer] = []


def _shared() -> Scorer:
    if not _MADE:
        _MADE.append(train(outcomes(), RUNGS, bits=12).scorer)
    return _MADE[0]


@pytest.mark.parametrize("text", ["\ud800 lone", "a" * 3_000_000, "", " ", "ß", "漢字" * 5000, "\0" * 100])
def test_hostile_text_is_scored(scorer: Scorer, text: str) -> None:
    assert 0 <= scorer.score(Text(text, text)).support <= 1


def test_evaluation_sets_a_good_scorer_above_the_baselines(scorer: Scorer) -> None:
    found = evaluate(scorer, outcomes(400, seed=9), draws=100)
    rows = {row.name: row for row in found.rows}

    assert (rows["scorer"].apgr or 0) > 0.7 > (rows["prompt length"].apgr or 1)
    assert (rows["random"].apgr or 0) == pytest.approx(0.5, abs=0.08)
    assert (rows["oracle"].apgr or 0) >= (rows["scorer"].apgr or 2)
    assert rows["random"].better is not None
    assert rows["random"].better[0] > 0
    assert rows["always small"].cost == 1
    assert rows["always large"].cost == 10
    own, shuffled = rows["scorer, half way in cost"], rows["shuffle of equal cost"]
    assert own.cost == pytest.approx(shuffled.cost)
    assert (own.quality or 0) > (shuffled.quality or 1) + 0.1
    assert max(found.ece.values()) < 0.1


def test_the_trained_scorer_is_a_scorer_as_the_policy_says(scorer: Scorer) -> None:
    """Request and facts in, a chance for each rung out; tools change nothing."""
    body = b'{"model": "gpt-5.4", "messages": [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "prove the theorem"}]%s}'
    tools = b', "tools": [{"type": "function", "function": {"name": "label_ticket", "parameters": {}}}]'
    plain, armed = (parse_request("chat", body % more) for more in (b"", tools))
    plugged: Plugged = scorer
    facts = Recogniser().recognise(plain)

    assert plugged(plain) == plugged(armed)
    assert plugged(plain).rungs[0].chance < 0.3
    assert plugged(plain, facts) == plugged(plain, facts)
