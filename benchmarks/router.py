"""What the learned router reaches on public outcomes: `python benchmarks/router.py` (about ten minutes).

On the rows in ../shared/data/routing, or in the folder that `--data` names; nothing is downloaded.

MMLU: 1,500 of 14,037 rows are drawn to train on, the rest is scored, mean of ten seeds; the subject is never
read. Beside them training sees LLMRouter's outcomes of other models, at a tenth of the weight, without
the questions that occur in MMLU. That weight and the ridge penalty were chosen by cross-validation inside training
splits of eight other seeds (100 to 107). The families of features (words, characters, form) were looked at on whole
splits of seeds 0 to 3 before that rule was kept, so that much of the choice is not blind.
TF-IDF: words and pairs of words alone, damped counts, the same ridge and penalty; stronger than the 0.627 published beside the data.
GSM8K: five folds, five divisions; with the weak answer read first, the share of its cost is added. The signs of an answer and the
penalties were chosen on the same folds: these figures are not blind.
MT-Bench: scored by the prior that ships, whose digest was committed before any outcome of these rows was read.
All but one: trained on the other data sets, tested on one.
Intervals: 95 %, bootstrap over requests, paired where two ways are compared.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from router_data import (
    DATA,
    Floats,
    Ints,
    Nine,
    Pairs,
    Sealed,
    arena,
    folds,
    gsm8k,
    mmlu,
    mt_bench,
    nine,
    split,
    without,
)
from tierwise.router import (
    Counted,
    Matrix,
    Text,
    answer_signs,
    apgr,
    counted,
    cpt,
    matrix,
    prior,
    ridge,
    space_of,
)

SEEDS = 10
LABELS = 1500
PENALTY = 20.0
AUX_WEIGHT = 0.1
DRAWS = 200
PRICE_WEAK, PRICE_STRONG = 0.24, 24.7
"""US dollars per million tokens, as the RouteLLM paper prices the pair."""


class Extra:
    """Outcomes of another data set that training sees too, at a weight."""

    def __init__(self, pairs: Pairs, weight: float) -> None:
        self.texts = features(pairs.texts)
        self.gain = pairs.strong - pairs.weak
        self.weight = weight


def features(texts: Sequence[str], bits: int = 16) -> list[Counted]:
    """The features of prompts without instructions."""
    return [counted(Text(text), bits) for text in texts]


def gain_order(
    rows: Sequence[Counted],
    gain: Sequence[float],
    train: Ints,
    extra: Extra | None = None,
    penalty: float = PENALTY,
) -> Callable[[Sequence[Counted]], Floats]:
    """Learns what the strong model gains on the rows named by `train`, and reads no other row."""
    texts, wanted = [rows[at] for at in train], np.array([gain[at] for at in train])
    weights = np.ones(len(texts))
    if extra is not None:
        texts += extra.texts
        # The other models differ by more or less on the whole; which questions they differ on is what is learned.
        wanted = np.concatenate([wanted, extra.gain - extra.gain.mean() + wanted.mean()])
        weights = np.concatenate([weights, np.full(len(extra.texts), extra.weight)])
    space = space_of(texts, texts[0].bits)
    line, _ = ridge(matrix(space, texts), wanted, weights, penalty)
    return lambda new: matrix(space, new).times(line)


def words_alone(rows: Sequence[Counted]) -> list[Counted]:
    """The rows with nothing but words and pairs of words."""
    return [row.words_alone() for row in rows]


def told(name: str, orders: Sequence[tuple[Floats, Floats, Floats]], note: str = "") -> None:
    """A line of a table: means over repetitions of (order, weak, strong)."""
    area = [apgr(*one) for one in orders]
    half, most = ([cpt(*one, percent) for one in orders] for percent in (50, 80))
    spread = f" ({min(area):.3f} to {max(area):.3f})" if len(area) > 1 else ""
    print(
        f"  {name:<34} {np.mean(area):.3f} {np.mean(half):5.1f} {np.mean(most):5.1f}{spread} {note}",
        flush=True,
    )


def drawn(ways: Sequence[Sequence[tuple[Floats, Ints]]], pairs: Pairs, draws: int = DRAWS) -> Floats:
    """Mean APGR over repetitions of each way, in bootstrap samples of all requests that the ways share."""
    draw = np.random.default_rng(0)
    size = len(pairs.texts)
    found = np.empty((draws, len(ways)))
    for row in range(draws):
        times = np.bincount(draw.integers(0, size, size), minlength=size)
        for at, way in enumerate(ways):
            areas = []
            for order, rows in way:
                own = np.repeat(np.arange(rows.size), times[rows])
                areas.append(apgr(order[own], pairs.weak[rows[own]], pairs.strong[rows[own]]))
            found[row, at] = np.mean(areas)
    return found


def between(values: Floats) -> str:
    """The 95 % interval of bootstrap values."""
    return "[{:.3f}, {:.3f}]".format(*np.quantile(values, [0.025, 0.975]))


def measure_mmlu(data: Path, seeds: int) -> None:
    """Ten draws of 1,500 labels."""
    pairs = mmlu(data)
    rows, gain = features(pairs.texts), pairs.strong - pairs.weak
    extra = Extra(without(nine(data)[0].pairs(), pairs.texts), AUX_WEIGHT)
    words = [row.words_alone() for row in features(pairs.texts, 18)]
    ways: dict[str, list[tuple[Floats, Ints]]] = {
        "router": [],
        "router, its 1,500 labels alone": [],
        "TF-IDF": [],
    }
    for seed in range(seeds):
        train, test = split(len(rows), LABELS, seed)
        for name, own, more in (
            ("router", rows, extra),
            ("router, its 1,500 labels alone", rows, None),
            ("TF-IDF", words, None),
        ):
            order = gain_order(Sealed(own, train), Sealed(gain, train), train, more)
            ways[name].append((order([own[at] for at in test]), test))
    print(f"\nMMLU, {LABELS} labels, {seeds} seeds: APGR, CPT(50), CPT(80), (least to most)")
    boot = drawn(list(ways.values()), pairs)
    for at, (name, way) in enumerate(ways.items()):
        told(
            name, [(order, pairs.weak[test], pairs.strong[test]) for order, test in way], between(boot[:, at])
        )
    print(f"  router - TF-IDF, paired: {between(boot[:, 0] - boot[:, 2])}")
    told("prompt length", [(np.array([float(len(t)) for t in pairs.texts]), pairs.weak, pairs.strong)])
    draw = np.random.default_rng(0)
    told("random, 20 draws", [(draw.random(len(rows)), pairs.weak, pairs.strong) for _ in range(20)])
    told("oracle", [(gain + draw.random(len(rows)) * 1e-9, pairs.weak, pairs.strong)])


def measure_gsm8k(data: Path) -> None:
    """Five folds, with and without a look at the weak answer."""
    pairs = gsm8k(data)
    rows, gain = features(pairs.texts), pairs.strong - pairs.weak
    signs = np.stack([answer_signs(q, a) for q, a in zip(pairs.texts, pairs.answers, strict=True)])
    both = [counted(Text(q, a)) for q, a in zip(pairs.texts, pairs.answers, strict=True)]
    asked, read = [], []
    for seed in range(5):
        query, answer = np.zeros(len(rows)), np.zeros(len(rows))
        for train, test in folds(len(rows), 5, seed):
            order = gain_order(Sealed(rows, train), Sealed(gain, train), train, penalty=10.0)
            query[test] = order([rows[at] for at in test])
            answer[test] = with_answer(both, signs, gain, train, test)
        asked.append((query, np.arange(len(rows))))
        read.append((answer, np.arange(len(rows))))
    print("\nGSM8K, 5 folds, 5 divisions: APGR, CPT(50), CPT(80), (least to most)")
    boot = drawn([asked, read], pairs)
    told("query alone", [(o, pairs.weak, pairs.strong) for o, _ in asked], between(boot[:, 0]))
    told("weak answer read first", [(o, pairs.weak, pairs.strong) for o, _ in read], between(boot[:, 1]))
    ratio = PRICE_WEAK / PRICE_STRONG
    print(
        f"  {'  ... cost of the weak call added':<34} {np.mean([priced(o, pairs, ratio) for o, _ in read]):.3f}"
        f"   every request pays {ratio:.2%} of a strong call first"
    )
    told("prompt length", [(np.array([float(len(t)) for t in pairs.texts]), pairs.weak, pairs.strong)])


def with_answer(rows: Sequence[Counted], signs: Floats, gain: Floats, train: Ints, test: Ints) -> Floats:
    """The gain expected of the strong model when the weak model's answer is known."""
    space = space_of([rows[at] for at in train], 16)
    mean, spread = signs[train].mean(0), signs[train].std(0) + 1e-6

    def made(at: Ints) -> Matrix:
        plain = matrix(space, [rows[row] for row in at])
        form = np.clip((signs[at] - mean) / spread, -4, 4) * 0.15
        return plain.widened(form)

    line, _ = ridge(made(train), gain[train], np.ones(train.size), 5.0)
    return made(test).times(line)


def priced(order: Floats, pairs: Pairs, ratio: float) -> float:
    """APGR over money instead of calls: 0 is always weak, 1 always strong, and every request pays the weak call."""
    levels = np.quantile(order, np.linspace(0, 1, 11))[::-1]
    picked = [order >= level for level in levels]
    share = np.array([0.0, *(p.mean() for p in picked)]) / (1 - ratio)
    quality = np.array([pairs.weak.mean(), *(np.where(p, pairs.strong, pairs.weak).mean() for p in picked)])
    found = (quality - pairs.weak.mean()) / (pairs.strong.mean() - pairs.weak.mean())
    at = np.linspace(0, 1, 1001)
    return float(np.trapezoid(np.interp(at, share, found), at))


def measure_mt_bench(data: Path) -> None:
    """The shipped prior on rows that it has never seen."""
    pairs, scorer = mt_bench(data), prior()
    scored = [scorer.score(Text(text)) for text in pairs.texts]
    order = np.array([s.difficulty for s in scored])
    boot = drawn([[(order, np.arange(len(order)))]], pairs, 1000)
    print(f"\nMT-Bench, {len(order)} questions, the shipped prior {scorer.digest[:16]}")
    told("prior", [(order, pairs.weak, pairs.strong)], between(boot[:, 0]))
    told("prompt length", [(np.array([float(len(t)) for t in pairs.texts]), pairs.weak, pairs.strong)])


def measure_all_but_one(data: Path) -> None:
    """Trained on the other data sets."""
    sets = {
        "MMLU": mmlu(data),
        "GSM8K": gsm8k(data),
        "LLMRouter": nine(data)[0].pairs(),
        "RouterArena": arena(data),
    }
    rows = {name: features(pairs.texts) for name, pairs in sets.items()}
    sets["MT-Bench"] = mt_bench(data)
    rows["MT-Bench"] = features(sets["MT-Bench"].texts)
    print("\nTrained on all data sets but the one tested (MT-Bench in none): APGR, interval")
    for name, pairs in sets.items():
        others = [other for other in sets if other not in {name, "MT-Bench"}]
        texts, gain = [], []
        for other in others:
            kept = without(sets[other], pairs.texts)
            known = dict(zip(sets[other].texts, rows[other], strict=True))
            picked = split(len(kept.texts), min(len(kept.texts), 4000), 0)[0]
            texts += [known[kept.texts[at]] for at in picked]
            gain += [float(kept.strong[at] - kept.weak[at]) for at in picked]
        order = gain_order(texts, gain, np.arange(len(texts)))(rows[name])
        boot = drawn([[(order, np.arange(len(order)))]], pairs)
        told(name, [(order, pairs.weak, pairs.strong)], between(boot[:, 0]))


def measure_nine(data: Path) -> None:
    """The best of nine models for each question."""
    train, test = nine(data)
    rows, new = features(train.texts), features(test.texts)
    space = space_of(rows, 16)
    known, asked = matrix(space, rows), matrix(space, new)
    columns = []
    for at in range(len(train.models)):
        there = ~np.isnan(train.scores[:, at])
        line, mean = ridge(known, np.where(there, train.scores[:, at], 0.0), there.astype(float), 5.0)
        columns.append(asked.times(line) + mean)
    pick = np.argmax(np.stack(columns, axis=1), axis=1)
    scores = np.nan_to_num(test.scores)
    own = scores[np.arange(len(pick)), pick]
    best = int(np.argmax(scores.mean(0)))
    near = scores[np.arange(len(pick)), neighbours(train, known, asked)]
    draw = np.random.default_rng(0)
    samples = [draw.integers(0, len(own), len(own)) for _ in range(2000)]
    print(f"\nLLMRouter, nine models, {len(rows)} questions to train on, {len(own)} tested, none in both")
    print(
        f"  router {own.mean():.3f}, best single ({test.models[best]}) {scores[:, best].mean():.3f},", end=" "
    )
    print(f"TF-IDF kNN k=40 {near.mean():.3f}, random {scores.mean():.3f}, oracle {scores.max(1).mean():.3f}")
    for name, other in (("best single", scores[:, best]), ("kNN", near)):
        print(f"  router - {name}, paired: {between(np.array([(own - other)[at].mean() for at in samples]))}")


def neighbours(train: Nine, known: Matrix, asked: Matrix, count: int = 40) -> Ints:
    """The model that did best on the nearest training questions, by words and pairs of words."""
    half = known.wide // 4
    wide = np.zeros((len(known.dense), half), dtype=np.float32)
    mine = known.columns < half
    wide[known.rows[mine], known.columns[mine]] = known.values[mine]
    picks = []
    for row in range(len(asked.dense)):
        at = (asked.rows == row) & (asked.columns < half)
        near = np.argsort(-(wide[:, asked.columns[at]] @ asked.values[at]), kind="stable")[:count]
        picks.append(int(np.argmax(np.nanmean(train.scores[near], axis=0))))
    return np.array(picks)


def measure_time(data: Path) -> None:
    """Milliseconds of processor time to score a prompt, which other work on the machine does not lengthen much."""
    scorer, texts = prior(), [Text(text) for text in arena(data).texts]
    long = Text(" ".join(text.newest for text in texts)[:8000])
    print(
        f"\nTime to score, one core, {len(texts)} prompts of RouterArena; then one of 8,000 characters (2,000 tokens)"
    )
    for name, some in (("RouterArena", texts), ("8,000 characters", [long] * 300)):
        took = []
        for text in some:
            started = time.thread_time()
            scorer.score(text)
            took.append((time.thread_time() - started) * 1e3)
        print(
            "  {:<18} median {:.2f} ms, 99th percentile {:.2f} ms".format(
                name, *np.quantile(took, [0.5, 0.99])
            )
        )


def main() -> None:
    """Prints everything, or says that there is nothing to measure on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--only", choices=["mmlu", "gsm8k", "mt-bench", "others", "nine", "time"])
    asked = parser.parse_args()
    if not asked.data.is_dir():
        print(f"{asked.data} is not there: nothing to measure on; name the outcomes' folder with --data")
        return
    print(f"{platform.platform()}, Python {platform.python_version()}, numpy {np.__version__}")
    parts: dict[str, Callable[[], None]] = {
        "mmlu": lambda: measure_mmlu(asked.data, asked.seeds),
        "gsm8k": lambda: measure_gsm8k(asked.data),
        "mt-bench": lambda: measure_mt_bench(asked.data),
        "others": lambda: measure_all_but_one(asked.data),
        "nine": lambda: measure_nine(asked.data),
        "time": lambda: measure_time(asked.data),
    }
    for name, part in parts.items():
        if asked.only in {None, name}:
            part()


if __name__ == "__main__":
    main()
