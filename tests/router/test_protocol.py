"""Nothing that is tested is trained on: the split of the benchmark, and what it may read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tierwise.router import Text, counted, prior

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared/data/routing"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no shared outcomes beside the project")


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


data = loaded("router_data")
bench = loaded("router")

WORDS = ("apple", "proof", "integral", "greeting", "ticket", "lemma", "city", "colour", "matrix", "song")


def rows(count: int, seed: int = 0) -> tuple[list[object], np.ndarray]:
    draw = np.random.default_rng(seed)
    texts = [" ".join(draw.choice(WORDS, 6)) for _ in range(count)]
    return [counted(Text(t), 10) for t in texts], np.array([float("proof" in t) for t in texts])


def test_a_split_divides_the_rows() -> None:
    train, test = data.split(100, 30, seed=4)

    assert sorted([*train.tolist(), *test.tolist()]) == list(range(100))
    assert len(train) == 30
    assert data.split(100, 30, seed=5)[0].tolist() != train.tolist()


def test_each_row_is_held_out_once() -> None:
    parts = data.folds(53, 5, seed=1)

    assert sorted(np.concatenate([test for _, test in parts]).tolist()) == list(range(53))
    assert all(not set(train.tolist()) & set(test.tolist()) for train, test in parts)


def test_reading_a_test_row_in_training_fails() -> None:
    own, gain = rows(60)
    train, test = data.split(60, 40, seed=0)

    bench.gain_order(data.Sealed(own, train), data.Sealed(gain, train), train)
    with pytest.raises(data.TestRowRead):
        bench.gain_order(data.Sealed(own, train), data.Sealed(gain, train), np.append(train, test[:1]))
    with pytest.raises(data.TestRowRead):
        bench.gain_order(data.Sealed(own, train), data.Sealed(gain, train[:-1]), train)
    with pytest.raises(data.TestRowRead):
        list(data.Sealed(own, train))


def test_other_test_rows_leave_what_is_learned_as_it_is() -> None:
    own, gain = rows(60)
    train, test = data.split(60, 40, seed=0)
    others, wrong = rows(60, seed=8)
    poisoned = [others[at] if at in set(test.tolist()) else row for at, row in enumerate(own)]
    turned = np.where(np.isin(np.arange(60), test), 1 - wrong, gain)

    clean = bench.gain_order(own, gain, train)(own)
    assert clean.tolist() == bench.gain_order(poisoned, turned, train)(own).tolist()


def test_the_same_question_in_two_data_sets_is_left_out() -> None:
    pairs = data.Pairs(["What is 2+2?", "Name a city."], np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    left = data.without(pairs, ["what is  2 + 2 ?\nA. 4"[:15]])

    assert left.texts == ["Name a city."]
    assert left.weak.tolist() == [0.0]


@needs_data
def test_the_rows_are_those_of_the_published_tables() -> None:
    """Counts and means of the data's README; what LLMRouter tests is trained on nowhere."""
    gsm8k, arena = data.gsm8k(SHARED), data.arena(SHARED)
    train, test = data.nine(SHARED)

    assert (len(gsm8k.texts), round(gsm8k.weak.mean(), 4), round(gsm8k.strong.mean(), 4)) == (
        1307,
        0.6373,
        0.8577,
    )
    assert (len(arena.texts), round(arena.weak.mean(), 4)) == (809, 0.5234)
    assert len(test.texts) == 500
    assert not {t.strip() for t in train.texts} & {t.strip() for t in test.texts}


@needs_data
def test_prompt_length_has_the_published_area() -> None:
    pairs = data.gsm8k(SHARED)
    length = np.array([float(len(t)) for t in pairs.texts])

    assert bench.apgr(length, pairs.weak, pairs.strong) == pytest.approx(0.598, abs=0.002)
    assert bench.cpt(length, pairs.weak, pairs.strong, 50) == pytest.approx(36.7, abs=0.5)


def test_the_shipped_prior_is_marked_unproven_and_free_of_a_ladder() -> None:
    scorer = prior()

    assert (scorer.about.kind, scorer.about.proven) == ("difficulty", False)
    assert scorer.digest in (ROOT / "docs" / "model-card.md").read_text("utf-8")
    assert all(
        sum(name in line for line in scorer.about.data) == 1
        for name in ("RouteLLM", "LLMRouter", "RouterArena")
    )


def test_the_shipped_prior_is_small_and_tells_a_proof_from_a_greeting() -> None:
    place = ROOT / "src" / "tierwise" / "router" / "data" / "prior.scorer"
    hard = (
        "Let p be an odd prime. Find the number of subgroups of order p in the group Z_p x Z_p, and prove it."
    )

    assert place.stat().st_size < 300_000
    assert (
        prior().score(Text(hard)).rungs[0].chance
        < prior().score(Text("What colour is the sky?")).rungs[0].chance
    )
