"""What a cascade's certificate promises, against known truth and on published answers: `python benchmarks/cascade.py`.

Simulated: four tiers of one ladder, of which three are tried before the last; each split certifies on calls of its
own and is judged on 20,000 others. Joint risk must be at most alpha on the mean of the splits, simulation error
(three standard errors) aside; selective risk may be above alpha in at most delta of the splits (its exact interval
must reach down to delta). Answers: RouteLLM's GSM8K rows (`--data`, two models), 100 splits, at 5, 10 and 15 %,
with the cost of an equal share of right answers by a random mix, the best query router here, and an oracle.
Exit status 1 if a goal on simulated calls is missed.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import gzip
import io
import json
import math
import re
import sys
import time
from decimal import Decimal
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tierwise.calls import parse_request, parse_response
from tierwise.cascade import Case, Seen, Stage, Terms, Tried, certify, fitted, score, seen, table
from tierwise.policy import Certificate, Offer, Rung
from tierwise.stats import clopper_pearson

SPLITS = 100
DELTA = Decimal("0.1")
DATA = Path(__file__).parent.parent / "../shared/data/routing/RouteLLM/gsm8k"
RUNGS = ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4", "gpt-5.5")
COSTS = (1.0, 4.0, 12.0, 25.0)
SKILL = (0.2, 1.0, 1.8, 2.6)
"""How good each simulated tier is, in logits, at a call of usual difficulty."""
WEAK, STRONG = 0.24, 24.7
"""USD a million tokens, as the rows' paper prices the pair."""


def main() -> int:
    """Run both and print their tables."""
    parser = argparse.ArgumentParser(description="Measure cascades.")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--calls", type=int, default=6_000, help="simulated calls a split certifies on")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    began = time.monotonic()
    missed = simulated(args.splits, args.calls)
    if (args.data / "gsm8k_responses.csv.gz").exists():
        answers(args.data, args.splits)
    else:
        print(f"no rows at {args.data}: the answers are left out")
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if missed else 0


# ---------------------------------------------------------------- known truth


def draw(rng: np.random.Generator, count: int, name: str) -> list[Case]:
    """Calls of four tiers: what is hard is hard for all; signals say more of the answer than of the call."""
    hard = rng.normal(0, 1.5, count)
    right = np.stack([rng.random(count) < 1 / (1 + np.exp(hard - 2 * skill)) for skill in SKILL], axis=1)
    sure = 1.2 * right[:, :3] + rng.normal(0, 0.8, (count, 3)) - 0.3 * hard[:, None]
    worse = right[:, 3:] & ~right[:, :3]
    costs = np.asarray(COSTS) * rng.lognormal(0, 0.3, (count, 4))
    return [
        Case(
            cluster=f"{name}{row}",
            tried=tuple(
                Tried(
                    seen=Seen(
                        hard=None,
                        values={"length": 1.0, "sure": float(sure[row, k]), "size": float(hard[row] / 3)},
                    ),
                    worse=bool(worse[row, k]),
                    cost=float(costs[row, k]),
                )
                for k in range(3)
            ),
            baseline=float(costs[row, 3]),
        )
        for row in range(count)
    ]


def terms(rungs: tuple[str, ...], offer: Offer, risk: Decimal, seed: int) -> Terms:
    """What is certified."""
    return Terms(
        workload="0" * 16,
        baseline=Rung(model=rungs[-1]),
        snapshot=rungs[-1],
        stages=tuple(Stage(rung=Rung(model=name), snapshot=name) for name in rungs[:-1]),
        offer=offer,
        risk=risk,
        confidence=1 - DELTA,
        created=dt.date(2026, 11, 25),
        expires=dt.date(2027, 11, 25),
        seed=seed,
    )


class Outcome(msgspec.Struct, frozen=True):
    """One split on calls that had no part in it."""

    accepted: float
    worse: float
    """Of all calls: accepted and worse."""
    cost: float
    """In parts of the baseline's."""

    @property
    def selective(self) -> float:
        """Of the accepted: worse."""
        return self.worse / self.accepted if self.accepted else 0.0


def judged(found: Certificate, cases: list[Case], rungs: tuple[str, ...]) -> Outcome:
    """A certificate on other calls; nothing is tried where it does not hold."""
    if not found.trials:
        return Outcome(0.0, 0.0, 1.0)
    places = [rungs.index(trial.rung.model) for trial in found.trials]
    mine = [
        msgspec.structs.replace(case, tried=tuple(case.tried[place] for place in places)) for case in cases
    ]
    rows = table(mine, [trial.scoring for trial in found.trials])
    thresholds = [trial.least for trial in found.trials]
    _, taken = rows.taken(thresholds)
    spent = float(rows.spent(thresholds).sum() / rows.baseline.sum())
    return Outcome(float(taken.mean()), float(rows.harmed(thresholds).mean()), spent)


def simulated(splits: int, calls: int) -> bool:
    """Both offers on simulated calls; whether a goal is missed."""
    print(f"Four simulated tiers, {calls} calls a split, {splits} splits, delta {DELTA}\n")
    print(
        "| offer | alpha | mean risk | splits above alpha | accepted | holds | met | cost | random mix | query router "
        "| oracle |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    test = draw(np.random.default_rng(0), 20_000, "t")
    missed = False
    sets = [draw(np.random.default_rng(seed + 1), calls, f"{seed}-") for seed in range(splits)]
    settings: list[tuple[Offer, str]] = [
        ("joint", "0.02"), ("joint", "0.05"), ("selective", "0.05"), ("selective", "0.1"), ("selective", "0.15"),
    ]  # fmt: skip
    for offer, risk in settings:
        alpha = float(risk)
        found = []
        held = 0
        for seed, cases in enumerate(sets):
            one = certify(cases, terms(RUNGS, offer, Decimal(risk), seed))
            held += one.verdict == "holds"
            found.append(judged(one, test, RUNGS))
        risks = np.asarray([o.worse if offer == "joint" else o.selective for o in found])
        above = int((risks > alpha).sum())
        error = 3 * float(risks.std(ddof=1)) / math.sqrt(splits)
        low = clopper_pearson(above, splits, alpha=0.05)[0]
        met = float(risks.mean()) <= alpha + error if offer == "joint" else low <= float(DELTA)
        missed |= not met
        ways = known_ways(test, float(np.mean([o.worse for o in found])))
        print(
            f"| {offer} | {alpha:.0%} | {risks.mean():.2%} ± {error:.2%} | {above} of {splits} "
            f"| {np.mean([o.accepted for o in found]):.0%} | {held} | {'yes' if met else 'NO'} "
            f"| {np.mean([o.cost for o in found]):.0%} | {shown(ways)} |"
        )
    worse, cost = np.mean([c.tried[0].worse for c in test]), known_ways(test, 1.0)[0]
    print(f"\nalways the cheapest: {worse:.0%} worse, at {cost:.0%} of the cost")
    return missed


def shown(costs: tuple[float, ...]) -> str:
    """Costs as cells of a table."""
    return " | ".join(f"{cost:.0%}" for cost in costs)


def known_ways(test: list[Case], worse: float) -> tuple[float, float, float]:
    """Cost, in parts of always strong, of no more worse answers: random mix, query router, oracle.

    Mix and router divide calls between one cheaper tier and the last, whichever is best; the router knows how
    hard a call is. The oracle takes the cheapest tier that is not worse, and then none is.
    """
    harms = np.asarray([[t.worse for t in case.tried] for case in test], dtype=float)
    costs = np.asarray([[t.cost for t in case.tried] for case in test])
    last = np.asarray([case.baseline for case in test])
    order = np.argsort([case.tried[0].seen.values["size"] for case in test], kind="stable")
    mixes, routers = [1.0], [1.0]
    for tier in range(harms.shape[1]):
        share = min(1.0, worse / harms[:, tier].mean())
        mixes.append(float(share * costs[:, tier].sum() / last.sum() + 1 - share))
        zeros = np.zeros(len(test))
        routers.append(reach(order, -harms[:, tier], zeros, costs[:, tier], last, -worse) / float(last.sum()))
    best = np.where(harms > 0, np.inf, costs).min(axis=1)
    return min(mixes), min(routers), float(np.minimum(best, last).sum() / last.sum())


# ---------------------------------------------------------------- published answers


class Rows(msgspec.Struct, frozen=True):
    """GSM8K: what each row asks, and what became of it by either model."""

    cases: list[Case]
    prompts: list[str]
    weak: Any
    strong: Any
    """Right or not."""


def read(folder: Path) -> Rows:
    """The rows, contaminated ones left out."""
    bad = {
        json.loads(line)["eval_prompt"]
        for line in (folder / "contaminated_prompts.jsonl").read_text("utf-8").splitlines()
        if line
    }
    text = gzip.decompress((folder / "gsm8k_responses.csv.gz").read_bytes()).decode("utf-8")
    csv.field_size_limit(10_000_000)
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["prompt"] not in bad]
    one, two = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
    weak = np.asarray([row[one] == "True" for row in rows])
    strong = np.asarray([row[two] == "True" for row in rows])
    cases = [
        Case(
            cluster=str(number),
            tried=(
                Tried(
                    seen=looked(row["prompt"], row[f"{one}_response"]),
                    worse=bool(strong[number] and not weak[number]),
                    cost=WEAK * (len(row["prompt"]) + len(row[f"{one}_response"])) / 4e6,
                ),
            ),
            baseline=STRONG * (len(row["prompt"]) + len(row[f"{two}_response"])) / 4e6,
        )
        for number, row in enumerate(rows)
    ]
    return Rows(cases, [row["prompt"] for row in rows], weak, strong)


def looked(prompt: str, text: str) -> Seen:
    """The free signals of one answer, as a live call would have them."""
    request = parse_request(
        "chat", msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": prompt}]})
    )
    message = {"role": "assistant", "content": text}
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    return seen(request, parse_response("chat", msgspec.json.encode(body)))


def answers(folder: Path, splits: int) -> None:
    """Certified cascades on the rows, beside other ways to the same share of right answers."""
    rows = read(folder)
    base, cheap = float(rows.strong.mean()), float(rows.weak.mean())
    total = sum(case.baseline for case in rows.cases)
    least = sum(case.tried[0].cost for case in rows.cases) / total
    print(
        f"\nGSM8K, {len(rows.cases)} rows, {splits} splits: four fifths certify, a fifth judges; delta {DELTA}"
    )
    print(f"always strong: {base:.1%} right; always weak: {cheap:.1%} right at {least:.2%} of the cost\n")
    print(
        "| offer and alpha | holds | accepted | risk on the rest | splits above alpha | right, against strong | cost "
        "| random mix | query router | oracle |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    names = ("weak", "strong")
    offers: list[tuple[Offer, str]] = [
        ("selective", "0.05"), ("selective", "0.1"), ("selective", "0.15"), ("joint", "0.05"), ("joint", "0.1"),
        ("joint", "0.15"),
    ]  # fmt: skip
    for offer, risk in offers:
        found: list[tuple[Outcome, float, tuple[float, float, float]]] = []
        held = 0
        for seed in range(splits):
            mix = np.random.default_rng(seed).permutation(len(rows.cases))
            cut = len(mix) * 4 // 5
            train, test = mix[:cut], mix[cut:]
            one = certify([rows.cases[i] for i in train], terms(names, offer, Decimal(risk), seed))
            held += one.verdict == "holds"
            outcome = judged(one, [rows.cases[i] for i in test], names)
            right = quality(one, rows, test)
            found.append((outcome, right - float(rows.strong[test].mean()), others(rows, train, test, right)))
        risks = [f[0].worse if offer == "joint" else f[0].selective for f in found]
        above = sum(one > float(risk) for one in risks)
        accepted = sum(f[0].accepted for f in found)
        pooled = sum(f[0].worse for f in found) / (splits if offer == "joint" else accepted or 1.0)
        gains = [f[1] for f in found]
        error = 3 * float(np.std(risks, ddof=1)) / math.sqrt(splits)
        mean = [float(np.mean([f[2][k] for f in found])) for k in range(3)]
        print(
            f"| {offer} {float(risk):.0%} | {held} of {splits} | {np.mean([f[0].accepted for f in found]):.0%} | {pooled:.1%} ± {error:.1%} "
            f"| {above} of {splits} | {np.mean(gains) * 100:+.1f} points | {np.mean([f[0].cost for f in found]):.0%} "
            f"| {mean[0]:.0%} | {mean[1]:.0%} | {mean[2]:.0%} |"
        )
    curve(rows, splits)


def curve(rows: Rows, splits: int) -> None:
    """Cost at equal quality without a certificate: the score alone, beside the other ways."""
    print(
        "\nCost, in parts of always strong, of keeping so much of its gain in right answers, no certificate:\n"
    )
    print("| kept | random mix | query router | cascade | oracle |")
    print("|---|---|---|---|---|")
    for kept in (0.5, 0.8, 0.9, 0.95):
        found = []
        for seed in range(splits):
            mix = np.random.default_rng(seed).permutation(len(rows.cases))
            train, test = mix[: len(mix) // 2], mix[len(mix) // 2 :]
            pairs = [(rows.cases[i].tried[0].seen, not rows.cases[i].tried[0].worse) for i in train]
            scoring = fitted(pairs[: len(pairs) * 7 // 10], pairs[len(pairs) * 7 // 10 :])
            order = np.argsort([-score(scoring, rows.cases[i].tried[0].seen) for i in test], kind="stable")
            weak, strong = rows.weak[test].astype(float), rows.strong[test].astype(float)
            right = float(weak.mean() + kept * (strong.mean() - weak.mean()))
            low = np.asarray([rows.cases[i].tried[0].cost for i in test])
            high = np.asarray([rows.cases[i].baseline for i in test])
            # A call that is sent up has paid for its attempt.
            mine = reach(order, weak, strong, low, high + low, right) / high.sum()
            ways = others(rows, train, test, right)
            found.append((ways[0], ways[1], mine, ways[2]))
        print(f"| {kept:.0%} | {shown(tuple(float(x) for x in np.mean(found, axis=0)))} |")


def quality(found: Certificate, rows: Rows, test: Any) -> float:
    """Share of right answers by the cascade."""
    if not found.trials:
        return float(rows.strong[test].mean())
    trial = found.trials[0]
    taken = np.asarray([score(trial.scoring, rows.cases[i].tried[0].seen) >= trial.least for i in test])
    return float(np.where(taken, rows.weak[test], rows.strong[test]).mean())


def others(rows: Rows, train: Any, test: Any, right: float) -> tuple[float, float, float]:
    """Cost, in parts of always strong, of as many right answers: random mix, query router, oracle."""
    weak, strong = rows.weak[test].astype(float), rows.strong[test].astype(float)
    low = np.asarray([rows.cases[i].tried[0].cost for i in test])
    high = np.asarray([rows.cases[i].baseline for i in test])
    orders = [np.argsort(gains, kind="stable") for gains in gains_by_prompt(rows, train, test)]
    share = (right - weak.mean()) / (strong.mean() - weak.mean())
    mix = min(max(share, 0.0), 1.0) * high.sum() + (1 - min(max(share, 0.0), 1.0)) * low.sum()
    router = min(reach(order, weak, strong, low, high, right) for order in orders)
    best = reach(np.argsort(strong - weak, kind="stable"), weak, strong, low, high, right)
    return mix / high.sum(), router / high.sum(), best / high.sum()


def reach(order: Any, weak: Any, strong: Any, low: Any, high: Any, right: float) -> float:
    """Least cost at which as many are right, sending the first of an order to the weak model."""
    a, b = np.append(0, np.cumsum(weak[order])), np.append(0, np.cumsum(strong[order]))
    c, d = np.append(0, np.cumsum(low[order])), np.append(0, np.cumsum(high[order]))
    rights, costs = a + b[-1] - b, c + d[-1] - d
    enough = rights >= right * len(order) - 1e-9
    # Some mixes are right more often than either model: no order of this one reaches that.
    return float(costs[enough].min()) if enough.any() else float(high.sum())


WORDS = re.compile(r"[a-z]+|\d")


def gains_by_prompt(rows: Rows, train: Any, test: Any) -> list[Any]:
    """Expected gains of the strong model by the prompt alone: its length; hashed words and pairs in a ridge."""
    lengths = np.asarray([len(rows.prompts[i]) for i in test], dtype=float)
    size = 512

    def hashed(index: Any) -> Any:
        out = np.zeros((len(index), size + 1))
        for row, i in enumerate(index):
            words = WORDS.findall(rows.prompts[i].lower())
            for word in {*words, *(" ".join(pair) for pair in pairwise(words))}:
                out[row, int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "big") % size] += 1
            out[row, size] = len(rows.prompts[i]) / 50
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    key = id(rows)
    if key not in _HASHED:
        _HASHED[key] = hashed(range(len(rows.prompts)))
    features = _HASHED[key]
    x, y = features[train], rows.strong[train].astype(float) - rows.weak[train].astype(float)
    weights = np.linalg.solve(x.T @ x + 1.0 * np.eye(size + 1), x.T @ (y - y.mean()))
    return [lengths, features[test] @ weights]


_HASHED: dict[int, Any] = {}


if __name__ == "__main__":
    sys.exit(main())
