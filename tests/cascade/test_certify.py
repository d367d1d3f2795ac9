"""Scores and certificates: fitted, chosen and certified on calls that share no cluster."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.cascade import (
    Case,
    Seen,
    Stage,
    Terms,
    Tried,
    certify,
    conformal_place,
    divided,
    fitted,
    score,
    table,
)
from tierwise.errors import OutOfBounds
from tierwise.policy import Certificate, Rung, Scoring, certificate_bytes, certificate_digest

TIERS = ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.5")


def terms(tiers: tuple[str, ...] = ("gpt-5.4-nano", "gpt-5.5"), **more: Any) -> Terms:
    usual: dict[str, Any] = {
        "workload": "0" * 16,
        "baseline": Rung(model=tiers[-1]),
        "snapshot": tiers[-1],
        "stages": tuple(Stage(rung=Rung(model=name), snapshot=name) for name in tiers[:-1]),
        "offer": "selective",
        "risk": Decimal("0.1"),
        "confidence": Decimal("0.9"),
        "created": dt.date(2026, 11, 25),
        "expires": dt.date(2027, 11, 25),
    }
    return Terms(**{**usual, **more})


def case(
    rng: random.Random,
    name: str,
    *,
    wrong: tuple[float, ...] = (0.3,),
    clear: float = 2.0,
    cheap: float = 1.0,
) -> Case:
    """A call: each rung is worse with its chance, and its signal tells by `clear` deviations."""
    tried = []
    for number, chance in enumerate(wrong):
        worse = rng.random() < chance
        sure = rng.gauss(0.0 if worse else clear, 1.0)
        tried.append(
            Tried(
                seen=Seen(hard=None, values={"length": 3.0, "sure": sure}),
                worse=worse,
                cost=cheap * (number + 1),
            )
        )
    return Case(cluster=name, tried=tuple(tried), baseline=25.0)


def cases(count: int, seed: int = 0, **more: Any) -> list[Case]:
    rng = random.Random(seed)
    return [case(rng, f"c{number}", **more) for number in range(count)]


def rates(found: Certificate, others: list[Case], tiers: tuple[str, ...]) -> tuple[float, float]:
    """Share accepted, and worse of the accepted."""
    places = [tiers.index(trial.rung.model) for trial in found.trials]
    rows = table(
        [msgspec.structs.replace(c, tried=tuple(c.tried[p] for p in places)) for c in others],
        [trial.scoring for trial in found.trials],
    )
    thresholds = [trial.least for trial in found.trials]
    accepted = rows.taken(thresholds)[1].mean()
    return float(accepted), float(rows.harmed(thresholds).mean() / accepted)


@pytest.mark.parametrize("offer", ["selective", "joint"])
def test_a_certified_cascade_accepts_saves_and_keeps_its_risk(offer: Any) -> None:
    found = certify(cases(3_000), terms(offer=offer))
    assert found.verdict == "holds"
    assert found.digest == certificate_digest(found)
    assert 0.2 < float(found.saves) < 0.96
    accepted, risk = rates(found, cases(20_000, 9), TIERS[:1])
    assert accepted > 0.3
    assert (risk if offer == "selective" else risk * accepted) <= 0.1
    (trial,) = found.trials
    assert set(found.checks) == {"empty", "refusal", "schema", "sure", "tools", "truncation"}
    assert 1 - accepted <= trial.passes / 1000, "the share that goes on is bounded from above"


def test_several_rungs_are_certified_together_and_only_those_that_pay_are_tried() -> None:
    found = certify(cases(4_000, wrong=(0.4, 0.15)), terms(TIERS))
    assert found.verdict == "holds"
    accepted, risk = rates(found, cases(20_000, 8, wrong=(0.4, 0.15)), TIERS[:2])
    assert (accepted > 0.6, risk <= 0.1) == (True, True)
    dear = certify(cases(3_000, wrong=(0.3, 1.0)), terms(TIERS))
    assert [trial.rung.model for trial in dear.trials] == ["gpt-5.4-nano"]


def test_too_few_calls_and_answers_that_tell_nothing_accept_nothing() -> None:
    few = certify(cases(120), terms(risk=Decimal("0.01")))
    assert (few.verdict, few.trials) == ("accepts nothing", ())
    blind = certify(cases(3_000, clear=0.0), terms(risk=Decimal("0.05")))
    assert blind.verdict == "accepts nothing"


def test_a_cascade_whose_attempts_cost_more_than_they_save_does_not_pay() -> None:
    found = certify(cases(3_000, cheap=24.0, wrong=(0.5,)), terms())
    assert (found.verdict, found.trials) == ("does not pay", ())
    assert found.saves <= 0


def test_no_cluster_stands_in_two_sets_and_stopped_proofs_only_fit() -> None:
    rng = random.Random(1)
    given_ = [case(rng, f"c{number % 300}") for number in range(1_500)]
    given_ = [
        msgspec.structs.replace(c, stopped=c.cluster in {"c1", "c2"} and i < 600)
        for i, c in enumerate(given_)
    ]
    sets = divided(given_, seed=3)
    parts = [{c.cluster for c in part} for part in (sets.fit, sets.calibrate, sets.choose, sets.certify)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 300
    assert {"c1", "c2"} <= parts[0] | parts[1]
    assert all(len(part) > 10 for part in parts)


def test_a_certificate_counts_one_call_a_cluster() -> None:
    rng = random.Random(1)
    given_ = [case(rng, f"c{number % 200}") for number in range(6_000)]
    found = certify(given_, terms())
    assert found.calls == len({c.cluster for c in divided(given_, seed=0).certify}) < 200


def test_the_same_cases_give_the_same_file_and_it_holds_no_cluster() -> None:
    one, two = certify(cases(1_500), terms()), certify(cases(1_500), terms())
    assert certificate_bytes(one) == certificate_bytes(two)
    assert msgspec.json.decode(certificate_bytes(one), type=Certificate) == one
    assert b'"c1' not in certificate_bytes(one)
    assert certificate_bytes(certify(cases(1_500), terms(seed=1))) != certificate_bytes(one)


def test_answers_of_no_use_are_never_accepted_and_a_missing_signal_is_none() -> None:
    scoring = Scoring(offset=9.0, weights={"sure": 1.0})
    assert score(scoring, Seen(hard="refused", values={"sure": 9.0})) == 0.0
    assert score(scoring, Seen(hard=None, values={})) == 0.0
    assert score(scoring, Seen(hard=None, values={"sure": 0.0})) > 0.99
    assert score(scoring, Seen(hard=None, values={"sure": -1e9})) == pytest.approx(0.0)


def test_a_score_is_a_chance_that_comes_true() -> None:
    pairs = [(c.tried[0].seen, not c.tried[0].worse) for c in cases(6_000)]
    scoring = fitted(pairs[:1_500], pairs[1_500:3_000])
    near = [good for one, good in pairs[3_000:] if 0.6 < score(scoring, one) < 0.8]
    assert 0.6 < sum(near) / len(near) < 0.8
    assert set(scoring.weights) == {"sure"}, "a signal that is always the same weighs nothing"


def test_signals_that_tell_nothing_give_every_answer_the_share_of_good_ones() -> None:
    pairs = [(Seen(hard=None, values={"length": 1.0, "x": float(n % 7)}), n % 4 != 0) for n in range(400)]
    upside = [(one, not good) for one, good in pairs]
    scoring = fitted(pairs, upside)
    values = {round(score(scoring, one), 6) for one, _ in pairs}
    assert all(0 < value < 1 for value in values)


def test_nothing_to_fit_on_is_an_error_in_words() -> None:
    with pytest.raises(OutOfBounds, match="no answers to fit"):
        certify([], terms())
    with pytest.raises(OutOfBounds, match="expected 1 answers a case"):
        certify(cases(10, wrong=(0.1, 0.1)), terms())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2))
def test_joint_losses_are_bounded_from_strict_to_loose_however_rungs_trade_places(
    seed: int, rungs: int
) -> None:
    given_ = cases(60, seed, wrong=(0.5, 0.2)[:rungs])
    rows = table(given_, [Scoring(offset=0.0, weights={"sure": 1.0})] * rungs)
    line = (0.99, 0.9, 0.7, 0.5, 0.2, 0.0)
    place = conformal_place(rows, line, 0.1)
    if place is not None:
        harmed = [rows.harmed([at] * rungs).mean() for at in line[: place + 1]]
        assert max(harmed) <= 0.1
