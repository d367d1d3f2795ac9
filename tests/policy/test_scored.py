"""A rule that asks a scorer: what the file may say, and what is decided on its numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import (
    Chance,
    Decision,
    Policy,
    Rung,
    RungScore,
    Scored,
    ScorerRule,
    Scores,
    Sent,
    State,
    canonical,
    check_policy,
    decide,
    load_policy,
    scores_of,
)
from tierwise.workloads import Facts

NOW = dt.date(2026, 11, 24)
ON = 'stage = "on"\nunproven = true\napproved_by = "kim"'
NANO, MINI = "gpt-5.4-nano", "gpt-5.4-mini"


def write(folder: Path, *lines: str, ladder: str = '"gpt-5.4"') -> Path:
    """A rule from line 2 of a file, its own lines from line 5 on."""
    body = "\n".join(lines)
    text = (
        f'ladder = {ladder}\n[[rule]]\nname = "r"\nmatch = {{ task = "classification" }}\n{body}\n[default]\n'
    )
    path = folder / "tierwise.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def folder(scorer_file: Path, tmp_path: Path) -> Path:
    (tmp_path / "router.scorer").write_bytes(scorer_file.read_bytes())
    return tmp_path


FILE = 'scorer = "router.scorer"'
RUNG = 'rung = "gpt-5.4-nano"'


def test_a_file_is_read_and_its_digest_is_in_the_policys(folder: Path, catalog: Catalog) -> None:
    path = write(folder, RUNG, ON, FILE)
    checked = check_policy(path, catalog, now=NOW)
    policy = checked.policy
    assert policy is not None, checked.problems
    scoring = policy.rules[0].scorer
    data = (folder / "router.scorer").read_bytes()
    assert scoring == ScorerRule(
        scorer=data[-32:].hex(), rungs=(NANO, MINI, "gpt-5.4"), quality=Decimal("0.95")
    )
    assert dict(checked.scorers) == {data[-32:].hex(): data}

    write(folder, RUNG, ON)
    assert load_policy(path, catalog, now=NOW).digest != policy.digest
    write(folder, RUNG, ON, 'scorer = { file = "router.scorer", quality = 0.9 }')
    assert load_policy(path, catalog, now=NOW).digest != policy.digest


def test_a_rule_without_a_scorer_keeps_the_digest_it_had(folder: Path, catalog: Catalog) -> None:
    """Ledgers name policies by digest; this one was taken before the key was there."""
    path = write(folder, RUNG, ON)
    digest = load_policy(path, catalog, now=NOW).digest
    assert digest == "acdb1140356ac09b1468287698f9ff75a0ac6204b68aa765f6cdb87569635778"


ERRORS: list[tuple[str, tuple[str, ...], int, str, str]] = [
    ("missing", (RUNG, ON, 'scorer = "gone.scorer"'), 9, "rule[1].scorer", "No such file"),
    ("a folder", (RUNG, ON, 'scorer = "."'), 9, "rule[1].scorer", "none that reads"),
    ("a name that no file can have", (RUNG, ON, 'scorer = "a\\u0000b"'), 9, "rule[1].scorer", "none that reads"),
    ("another kind of file", (RUNG, ON, 'scorer = "tierwise.toml"'), 9, "rule[1].scorer", "version 1"),
    ("in a table", (RUNG, ON, 'scorer = { file = "gone" }'), 9, "rule[1].scorer.file", "none that reads"),
    ("a table of nothing", (RUNG, ON, "scorer = {}"), 9, "rule[1].scorer", "'file'"),
    ("a key there is not", (RUNG, ON, 'scorer = { file = "own", qualty = 1 }'), 9, "rule[1].scorer.qualty", "'quality'"),
    ("both ways", (RUNG, ON, 'scorer = { file = "own", quality = 0.9, least = { "gpt-5.4" = 0.9 } }'), 9, "rule[1].scorer", "found both"),
    ("a quality of nothing", (RUNG, ON, 'scorer = { file = "own", quality = 0 }'), 9, "rule[1].scorer.quality", "above 0"),
    ("a quality above 1", (RUNG, ON, 'scorer = { file = "own", quality = 2 }'), 9, "rule[1].scorer.quality", "from 0 to 1"),
    ("least above 1", (RUNG, ON, 'scorer = { file = "own", least = { "gpt-5.4" = 2 } }'), 9, "rule[1].scorer.least.gpt-5.4", "up to 1"),
    ("least that is no number", (RUNG, ON, 'scorer = { file = "own", least = { "gpt-5.4" = nan } }'), 9, "rule[1].scorer.least.gpt-5.4", "up to 1"),
    ("least of no model", (RUNG, ON, 'scorer = { file = "own", least = { "gpt-9x" = 0.9 } }'), 9, "rule[1].scorer.least.gpt-9x", "gpt-9x"),
    ("no rung", (ON, FILE), 8, "rule[1].scorer", "expected a rung"),
    ("a rung it was not made for", ('rung = "gpt-5.5"', ON, FILE), 9, "rule[1].scorer", "the rule goes to gpt-5.5"),
    ("the prior that is on", (RUNG, ON, 'scorer = "prior"'), 9, "rule[1].scorer", "no stage above shadow"),
    ("the prior in a canary", (RUNG, ON.replace('"on"', '"canary"\nshare = 0.1'), 'scorer = "prior"'), 10, "rule[1].scorer", "no stage above shadow"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "line", "key", "words"), [row[1:] for row in ERRORS], ids=[r[0] for r in ERRORS]
)
def test_what_does_not_hold_is_refused_with_its_line(
    folder: Path, catalog: Catalog, lines: tuple[str, ...], line: int, key: str, words: str
) -> None:
    checked = check_policy(write(folder, *lines), catalog, now=NOW)
    assert [(p.line, p.key) for p in checked.problems] == [(line, key)]
    assert words in checked.problems[0].text


def test_a_scorer_for_another_ladder_is_refused(folder: Path, catalog: Catalog) -> None:
    path = write(
        folder,
        'rung = "gpt-5.4-mini"',
        ON,
        FILE,
        ladder='{ models = ["gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.4", "gpt-5.5"] }',
    )
    (problem,) = check_policy(path, catalog, now=NOW).problems
    assert (problem.line, problem.key) == (9, "rule[1].scorer")
    assert "the ladder's are gpt-5.4-mini" in problem.text


@given(at=st.integers(0, 10_000_000), flip=st.integers(1, 255))
def test_a_scorer_with_a_byte_changed_is_refused(
    catalog: Catalog, scorer_file: Path, at: int, flip: int
) -> None:
    data = bytearray(scorer_file.read_bytes())
    data[at % len(data)] ^= flip
    folder = scorer_file.parent / "changed"
    folder.mkdir(exist_ok=True)
    (folder / "router.scorer").write_bytes(data)
    (problem,) = check_policy(write(folder, RUNG, ON, FILE), catalog, now=NOW).problems
    assert problem.key == "rule[1].scorer"


def scores(*lows: int, known: bool = True, scorer: str = "own", **changes: Any) -> Scores:
    rungs = tuple(
        Chance(rung, min(low + 100, 10_000), low)
        for rung, low in zip((NANO, MINI, "gpt-5.4"), lows, strict=False)
    )
    return Scores(scorer=scorer, rungs=rungs, known=known, support=9_000, **changes)


def own(
    folder: Path, catalog: Catalog, quality: str = "quality = 0.95", rung: str = RUNG, on: str = ON
) -> Policy:
    return load_policy(write(folder, rung, on, f'scorer = {{ file = "own", {quality} }}'), catalog, now=NOW)


def ask(policy: Policy, catalog: Catalog, facts: Facts, found: Scores | None, **changes: Any) -> Decision:
    state = State(usage=Tokens(uncached=4000, output=300), scored=found, **changes)
    return decide(facts, policy, state, catalog, NOW)


@pytest.mark.parametrize(
    ("lows", "goes"),
    [((9_500, 9_900), NANO), ((9_499, 9_500), MINI), ((9_499, 9_400, 9_990), "gpt-5.4"), ((9_499, 9_400, 100), "gpt-5.5")],
)  # fmt: skip
def test_the_cheapest_rung_whose_lower_end_holds_the_target(
    tmp_path: Path, catalog: Catalog, make_facts: Callable[..., Facts], lows: tuple[int, ...], goes: str
) -> None:
    decision = ask(own(tmp_path, catalog), catalog, make_facts(), scores(*lows))
    assert decision.plan.rung.model == goes
    told = " ".join(decision.reasons)
    assert (
        f"{NANO} holds with {(lows[0] + 100) / 10_000:.4f}, at least {lows[0] / 10_000:.4f}, 0.95 wanted"
        in told
    )
    assert decision.unproven is (goes != "gpt-5.5")


def test_least_by_rung_never_chooses_one_that_is_not_named(
    tmp_path: Path, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    policy = own(tmp_path, catalog, 'least = { "gpt-5.4-mini" = 0.8 }')
    assert ask(policy, catalog, make_facts(), scores(9_999, 8_000)).plan.rung.model == MINI
    decision = ask(policy, catalog, make_facts(), scores(9_999, 7_999))
    assert decision.plan.rung.model == "gpt-5.5"
    assert "none is wanted" in " ".join(decision.reasons)


NO_SCORES = [
    ("none", None, "no score of this call by the scorer plugged in"),
    ("of another scorer", scores(9_999, 9_999, scorer="ab" * 32), "no score of this call"),
    ("failed", scores(why_not="ZeroDivisionError"), "the scorer plugged in failed: ZeroDivisionError"),
    ("not known", scores(9_999, 9_999, known=False), "has not seen such a call, support 0.9000"),
    ("of no rung of the rule's", scores(), f"{NANO} was not scored"),
]


@pytest.mark.parametrize(("found", "words"), [r[1:] for r in NO_SCORES], ids=[r[0] for r in NO_SCORES])
def test_without_a_score_the_call_keeps_its_rung_and_says_why(
    tmp_path: Path,
    catalog: Catalog,
    make_facts: Callable[..., Facts],
    found: Scores | None,
    words: str,
) -> None:
    policy = own(
        tmp_path, catalog, rung='rung = { model = "gpt-5.4-nano", effort = "none" }\nverbosity = "low"'
    )
    decision = ask(policy, catalog, make_facts(effort="medium"), found)
    assert decision.plan.rung == Rung("gpt-5.5", "medium")
    assert decision.changes == ()
    assert words in decision.reasons[0]


def test_evidence_holds_beside_the_scorer(
    tmp_path: Path, catalog: Catalog, make_facts: Callable[..., Facts], evidence_file: Callable[..., Path]
) -> None:
    """The scorer picks among what was proved: of other rungs, and of another workload, its word opens nothing."""
    evidence_file()
    rung = 'rung = { model = "gpt-5.4-nano", effort = "none" }\nevidence = "proof.json"'
    path = write(tmp_path, rung, 'stage = "on"', 'scorer = { file = "own", quality = 0.9 }')
    path.write_text(
        path.read_text("utf-8").replace('task = "classification"', 'workload = "00000000000000a1"'), "utf-8"
    )
    policy = load_policy(path, catalog, now=NOW)
    sure = scores(9_999, 9_999, 9_999)
    assert ask(policy, catalog, make_facts(), sure).plan.rung.model == NANO
    assert ask(policy, catalog, make_facts(), scores(100, 9_999, 9_999)).plan.rung.model == "gpt-5.5"
    other = make_facts(model="gpt-5.4")
    assert not ask(policy, catalog, other, sure).moved


def test_a_linked_conversation_keeps_the_rung_that_answered_before(
    tmp_path: Path, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    decision = ask(
        own(tmp_path, catalog),
        catalog,
        make_facts(turn=1),
        scores(10, 10),
        sent=Sent(linked="previous_response_id"),
        session_rung=Rung(NANO),
    )
    assert decision.plan.rung.model == NANO


def test_the_prior_says_in_shadow_where_it_would_go(
    tmp_path: Path, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    path = write(tmp_path, RUNG, 'stage = "shadow"', 'scorer = { file = "prior", quality = 0.8 }')
    policy = load_policy(path, catalog, now=NOW)
    scoring = policy.rules[0].scorer
    assert scoring is not None
    assert (scoring.general, scoring.proven) == (True, False)
    easy = Scores(scorer=scoring.scorer, rungs=(Chance("weaker", 8_400, 8_200),), known=True)
    decision = ask(policy, catalog, make_facts(), easy)
    assert not decision.moved
    assert decision.shadow is not None
    assert decision.shadow.rung.model == NANO
    hard = Scores(scorer=scoring.scorer, rungs=(Chance("weaker", 2_400, 2_200),), known=True)
    assert ask(policy, catalog, make_facts(), hard).shadow is None


chances = st.floats(0, 1)


@given(
    rungs=st.lists(st.tuples(st.sampled_from((NANO, MINI, "else", "\ud800")), chances, chances), max_size=4),
    support=chances,
    digest=st.text(max_size=80),
)
def test_numbers_become_whole_and_never_larger_at_the_lower_end(
    catalog: Catalog, rungs: list[tuple[str, float, float]], support: float, digest: str
) -> None:
    """And whatever a scorer says can be written down and read again, so that a decision on it replays."""
    import msgspec

    ladder = catalog.ladder("gpt-5.4")
    policy = Policy(name="x", ladder=ladder, rules=())
    said = Scored(tuple(RungScore(name, c, low, 0.0) for name, c, low in rungs), support, True, digest)
    found = scores_of(said, ScorerRule(scorer="own", quality=Decimal("0.9")), policy)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Scores) == found
    lows = [low for name, _, low in rungs if name in ladder.models]
    assert len(found.rungs) == len(lows)
    assert all(one.low / 10_000 <= low + 1e-9 for one, low in zip(found.rungs, lows, strict=True))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_chance_is_refused(catalog: Catalog, wrong: float) -> None:
    policy = Policy(name="x", ladder=catalog.ladder("gpt-5.4"), rules=())
    for rung in (RungScore(NANO, wrong, 0.5, 0.0), RungScore(NANO, 0.5, wrong, 0.0)):
        with pytest.raises(ValueError, match="a chance from 0 to 1"):
            scores_of(Scored((rung,), 1.0, True, ""), ScorerRule(scorer="own"), policy)


def test_equal_scores_give_equal_bytes(
    tmp_path: Path, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    policy = own(tmp_path, catalog)
    both = [canonical(ask(policy, catalog, make_facts(), scores(9_600, 9_700))) for _ in range(2)]
    assert both[0] == both[1]
