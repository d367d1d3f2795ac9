"""What a rule is worth: intervals by sessions, alarms that stand until they are lifted, and what reads badly counts for nothing."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.calls import RECORDER_VERSION, Recorded
from tierwise.ledger import (
    CHECK,
    Closed,
    Ledger,
    Outcome,
    Quality,
    Sides,
    add_outcomes,
    alarms_in,
    breach_of,
    forgone_since,
    lift_alarm,
    living,
    raise_alarm,
    rules_of,
    served_otherwise,
    workloads_of,
)
from tierwise.ledger._breach import below
from tierwise.ledger._rows import take
from tierwise.ledger._worth import Arms, difference, saving
from tierwise.policy import Alarm, Bar, Evidence, Rule, Rung

WORKLOAD = "00000000000000a1"
BAR = Bar()
START = 1_795_600_000_000_000


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    found = Ledger(str(tmp_path / "l.db"))
    yield found
    found.close()


def line(number: int, *, held: bool, session: int | None = None, **changes: Any) -> Closed:
    """A call of rule 'small' that costs 0.10 dollars as asked and 0.02 on its rung, as expected."""
    cost = changes.pop("cost", Decimal("0.1") if held else Decimal("0.02"))
    decision: dict[str, Any] = {
        "policy": "p",
        "stage": "on",
        "steps": [{"lever": "as asked", "cost": "0.1"}],
        "propensity": "0.5",
    }
    if held:
        decision["held_cost"] = "0.02"
    else:
        decision["steps"].append({"lever": "tier", "cost": "0.02"})
    call = Recorded(
        recorder=RECORDER_VERSION,
        at=START + number,
        status="ok",
        served=changes.pop("served", "gpt-5.4-nano-2026-03-17"),
        flags=frozenset({"answered", *changes.pop("flags", ())}),
        decision=msgspec.Raw(msgspec.json.encode({**decision, **changes.pop("decision", {})})),
        state=msgspec.Raw(msgspec.json.encode({"draw": number if session is None else session})),
        cost=cost,
        as_asked=Decimal("0.1"),
    )
    usual = {"workload": WORKLOAD, "rule": "small", "stage": "on", "moved": not held}
    return Closed(id=f"tw_{number}", call=call, **{**usual, **changes})


def filled(ledger: Ledger, lines: list[Closed]) -> None:
    with ledger.engine.begin() as connection:
        take(connection, list(lines))


def scored(ledger: Ledger, scores: dict[int, float], name: str = "score", after: int = 0) -> None:
    given = [
        Outcome(call=f"tw_{n}", at=START + n + after, name=name, score=Decimal(str(score)))
        for n, score in scores.items()
    ]
    with ledger.asked() as connection:
        add_outcomes(connection, given)


def test_dollars_and_quality_come_from_the_two_sides_of_a_rule(database: str) -> None:
    found = Ledger(database)
    filled(found, [line(n, held=n % 4 == 0) for n in range(400)])
    scored(found, {n: (1.0 if n % 10 else 0.0) for n in range(400)})
    one = living(found.engine, "small")
    found.close()
    assert one.sides == Sides(routed=300, held=100, routed_sessions=300, held_sessions=100)
    # 300 routed calls that would cost 0.10 cost 0.02 each: 24 dollars; held back, 100 calls forwent 0.08 each.
    assert one.money.measured
    assert float(one.money.saved) == pytest.approx(24.0)
    assert one.money.lower is not None
    assert one.money.upper is not None
    assert one.money.lower < 24 < one.money.upper
    assert one.money.lower > 12
    assert one.money.forgone == 8
    score, check = one.quality
    assert (score.name, check.name) == ("score", CHECK)
    assert check.estimate == 0
    assert score.lower is not None
    assert score.upper is not None
    assert score.lower < 0 < score.upper


def test_the_saving_is_by_what_held_back_calls_cost_and_not_by_what_was_expected(ledger: Ledger) -> None:
    """Calls cost half of what the ledger takes them to cost as asked: the routed ones save 0.03 dollars each, not 0.08."""
    costs = {True: Decimal("0.05"), False: Decimal("0.02")}
    filled(ledger, [line(n, held=n % 2 == 0, cost=costs[n % 2 == 0]) for n in range(400)])
    money = living(ledger.engine, "small").money
    assert float(money.as_asked - money.paid) == pytest.approx(16.0)
    assert float(money.saved) == pytest.approx(200 * 0.03)


def test_too_few_sessions_have_no_interval_and_say_how_many_are_needed(ledger: Ledger) -> None:
    filled(ledger, [line(n, held=n < 3) for n in range(100)])
    one = living(ledger.engine, "small")
    assert one.sides.few == "3 held-back sessions, 20 of each are needed"
    assert not one.money.measured
    assert one.money.saved == one.money.as_asked - one.money.paid
    assert (one.quality[0].estimate, one.quality[0].lower) == (0.0, None)


def test_many_calls_of_few_sessions_are_few(ledger: Ledger) -> None:
    filled(ledger, [line(n, held=n % 2 == 0, session=n % 4) for n in range(500)])
    one = living(ledger.engine, "small")
    assert (one.sides.routed_sessions, one.sides.held_sessions) == (2, 2)
    assert one.quality[0].lower is None


def test_refusals_broken_forms_and_questions_asked_again_count_without_anybody_s_word(ledger: Ledger) -> None:
    bad = {n for n in range(400) if n % 2 and n % 3}
    flags = {n: ("useless",) if n % 5 else ("again",) for n in bad}
    filled(ledger, [line(n, held=n % 2 == 0, flags=flags.get(n, ())) for n in range(400)])
    (check,) = living(ledger.engine, "small").quality
    assert check.estimate == pytest.approx(-2 / 3, abs=0.01)
    assert below(check, BAR)
    why = breach_of(ledger.engine, "small", WORKLOAD, BAR, 0)
    assert why is not None
    assert "'check' of 200 routed calls is 66.5 points below that of 200 held-back calls" in why


def test_a_rule_that_holds_gives_no_alarm_however_often_it_is_looked_at() -> None:
    """At the margin itself an alarm is false: with 95 % confidence at most one run in twenty may have one."""
    wrong = 0
    for seed in range(20):
        draw, arms = random.Random(seed), Arms()
        for n in range(600):
            held = n % 2 == 0
            arms.add(("p", n), held, 0.5, float(draw.random() < (0.9 if held else 0.85)))
            if n % 200 == 199 and below(difference("score", arms, 0.05), BAR):
                wrong += 1
                break
    assert wrong <= 2


def test_a_loss_beyond_the_margin_is_found() -> None:
    draw, arms = random.Random(7), Arms()
    for n in range(2_000):
        held = n % 4 == 0
        arms.add(("p", n), held, 0.5, float(draw.random() < (0.9 if held else 0.7)))
    found = difference("score", arms, 0.05)
    assert below(found, BAR)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < -0.2 < found.upper < -0.05


def test_sides_drawn_with_other_chances_weigh_by_them() -> None:
    """Where a tenth was held back of good calls and half of bad ones, both sides are worth the same."""
    arms = Arms()
    for n in range(2_000):
        good = n % 2 == 0
        share = 0.1 if good else 0.5
        held = (n // 2) % 10 < share * 10
        arms.add(("p", n), held, share if held else 1 - share, 1.0 if good else 0.0)
    found = difference("score", arms, 0.05)
    assert found.estimate == pytest.approx(0.0, abs=1e-9)


def test_a_share_is_of_what_the_held_back_calls_reach() -> None:
    half = Quality(name="s", sides=Sides(), estimate=-0.1, routed_upper=0.42, held_lower=0.5)
    assert below(half, Bar(margin=Decimal("0.05")))
    assert not below(half, Bar(margin=Decimal("0.2"), measure="share"))
    assert below(half, Bar(margin=Decimal("0.1"), measure="share"))
    assert not below(Quality(name="s", sides=Sides(), estimate=None), Bar())


def test_scores_that_fall_in_the_middle_are_a_drift_though_nothing_is_held_back(ledger: Ledger) -> None:
    filled(ledger, [line(n, held=False) for n in range(400)])
    scored(ledger, {n: 1.0 if n < 250 or n % 2 else 0.0 for n in range(400)})
    why = breach_of(ledger.engine, "small", WORKLOAD, BAR, 0)
    assert why is not None
    assert why.startswith("'score' has drifted: ")
    assert why.endswith("1.000 in the first 100")
    # Its calls before the fall alone are no reason.
    steady = dict.fromkeys(range(250), 1.0)
    scored(ledger, steady | dict.fromkeys(range(250, 400), 1.0), after=1_000)
    assert breach_of(ledger.engine, "small", WORKLOAD, BAR, 0) is None


def test_another_snapshot_than_was_proved_is_told(ledger: Ledger) -> None:
    proof = Evidence(
        workload=WORKLOAD,
        baseline=Rung("gpt-5.5"),
        rung=Rung("gpt-5.4-nano"),
        snapshot="gpt-5.4-nano-2026-03-17",
        verdict="holds (gold)",
        lower_bound=Decimal("0.01"),
        margin=Decimal("0.05"),
        confidence=Decimal("0.95"),
        calls=400,
        created=dt.date(2026, 11, 1),
        expires=dt.date(2027, 2, 1),
    )
    rule = Rule(name="small", model="gpt-5.4-nano", evidence=(proof,))
    filled(ledger, [line(n, held=False) for n in range(3)])
    assert served_otherwise(ledger.engine, rule, proof, 0) is None
    filled(ledger, [line(3, held=False, served="gpt-5.4-nano-2026-11-20")])
    why = served_otherwise(ledger.engine, rule, proof, 0)
    assert (
        why == "gpt-5.4-nano-2026-11-20 serves gpt-5.4-nano today, the evidence is of gpt-5.4-nano-2026-03-17"
    )
    assert served_otherwise(ledger.engine, rule, proof, START + 4) is None


def test_what_does_not_read_was_not_drawn_or_is_another_s_counts_for_nothing(ledger: Ledger) -> None:
    filled(
        ledger,
        [
            line(0, held=False, decision={"propensity": None}),
            line(1, held=False, decision={"propensity": "0"}),
            line(2, held=False, decision={"propensity": "7"}),
            line(3, held=False, decision={"propensity": "a half"}),
            line(4, held=False, decision={"steps": []}),
            line(5, held=False, decision={"policy": 7}),
            line(6, held=False, rule="other"),
            line(7, held=False, stage="canary"),
            line(8, held=False, cost=None),
            line(9, held=True),
        ],
    )
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE calls SET line = x'00ff' WHERE id = 'tw_9'")
    scored(ledger, {8: 0.5, 9: 0.5})
    one = living(ledger.engine, "small")
    assert (one.sides.calls, one.unpriced, one.money.paid) == (1, 1, 0)
    assert rules_of(ledger.engine) == ["other", "small"]
    assert workloads_of(ledger.engine, "small") == [WORKLOAD]
    nothing = living(ledger.engine, "no such rule")
    assert (nothing.since, nothing.quality, nothing.sides.calls) == (None, (), 0)


def test_what_holding_back_has_cost_is_summed_by_rule_since_the_month_began(ledger: Ledger) -> None:
    filled(ledger, [line(n, held=n < 5, rule="small" if n % 2 else "large") for n in range(10)])
    assert forgone_since(ledger.engine, 0) == {"small": Decimal("0.16"), "large": Decimal("0.24")}
    assert forgone_since(ledger.engine, START + 4) == {"large": Decimal("0.08")}
    assert forgone_since(ledger.engine, START + 5) == {}


def test_dear_and_free_sessions_keep_their_bounds() -> None:
    arms = Arms()
    for n in range(100):
        held = n % 2 == 0
        arms.spend(("p", n), held, 0.5, Decimal(100) if n == 51 else Decimal(0), Decimal("0.1"))
    money = saving(arms, Decimal(0), 0.05)
    assert money.measured
    assert money.paid == 100
    assert money.lower is not None
    assert money.upper is not None
    assert money.lower <= money.saved <= money.upper
    for n in range(100):
        arms.spend(("q", n), n % 2 == 0, 0.5, Decimal(0), Decimal(0))
    assert saving(arms, Decimal(0), 0.05).paid == 100


ALARM = Alarm(rule="small", evidence="e", why="quality fell")


def test_an_alarm_is_raised_once_lifted_once_and_each_stands_in_the_audit_log(ledger: Ledger) -> None:
    assert raise_alarm(ledger, WORKLOAD, ALARM, "living proof")
    assert not raise_alarm(ledger, WORKLOAD, ALARM, "living proof")
    assert alarms_in(ledger.flags())[WORKLOAD].alarm == ALARM
    assert lift_alarm(ledger, WORKLOAD, "user:kim")
    assert not lift_alarm(ledger, WORKLOAD, "user:kim")
    assert alarms_in(ledger.flags())[WORKLOAD].lifted
    assert not lift_alarm(ledger, "00000000000000b2", "user:kim")
    assert raise_alarm(ledger, WORKLOAD, ALARM, "living proof")
    long = Alarm(rule="r" * 5_000, why="\U0001f600" * 10 + "w" * 5_000)
    assert raise_alarm(ledger, WORKLOAD, long, "living proof")
    assert [who for _, who, _ in ledger.notes()] == [
        "living proof",
        "user:kim",
        "living proof",
        "living proof",
    ]


@pytest.mark.parametrize("value", ["", "off", "{}", '{"at": "then"}', "[", '{"at": 1, "rule": 7}'])
def test_a_flag_that_does_not_read_is_no_alarm(value: str) -> None:
    assert alarms_in({f"alarm:{WORKLOAD}": value, "routing": "off"}) == {}
