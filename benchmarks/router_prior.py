"""Makes the prior that ships: `python benchmarks/router_prior.py` (a few minutes) writes src/tierwise/router/data/prior.scorer.

From the outcomes in ../shared/data/routing, or in the folder that `--data` names. Of MT-Bench its questions alone are read, to leave out of
training what occurs there too, so that it can test the prior. The same data give the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from router_data import DATA, Pairs, arena, gsm8k, mmlu, mt_bench_questions, nine, split, without
from tierwise.router import Outcome, Text, save, train

BITS = 14
"""Small enough for a package; the data fill the buckets."""
MOST = 4000
"""Rows of one data set, so that none drowns the others."""
TARGET = Path(__file__).parents[1] / "src" / "tierwise" / "router" / "data" / "prior.scorer"
SOURCES = (
    "RouteLLM MMLU and GSM8K outcomes, github.com/lm-sys/RouteLLM 0b64fda, Apache-2.0",
    "LLMRouter outcomes, github.com/ulab-uiuc/LLMRouter 4e7a796, MIT",
    "RouterArena cached results, github.com/RouteWorks/RouterArena 4714a9a, Apache-2.0",
)


def outcomes(name: str, pairs: Pairs) -> list[Outcome]:
    """Both rungs' outcomes of at most `MOST` rows."""
    found = []
    for at in split(len(pairs.texts), min(len(pairs.texts), MOST), 0)[0].tolist():
        for rung, scores in (("weaker", pairs.weak), ("stronger", pairs.strong)):
            # Two metrics of the sources can fall below 0.
            text = Text(pairs.texts[at])
            found.append(
                Outcome(
                    request=f"{name} {at}", text=text, rung=rung, score=min(max(float(scores[at]), 0.0), 1.0)
                )
            )
    return found


def main() -> None:
    """Trains and writes, or says that there is nothing to train on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, default=TARGET)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        print(f"{asked.data} is not there: nothing to train on; name the outcomes' folder with --data")
        return
    sets = {
        "MMLU": mmlu(asked.data),
        "GSM8K": gsm8k(asked.data),
        "LLMRouter": nine(asked.data)[0].pairs(),
        "RouterArena": arena(asked.data),
    }
    tested = mt_bench_questions(asked.data)
    rows = [row for name, pairs in sets.items() for row in outcomes(name, without(pairs, tested))]
    made = train(rows, ("weaker", "stronger"), bits=BITS, kind="difficulty", data=SOURCES)
    asked.output.parent.mkdir(exist_ok=True)
    digest = save(made.scorer, asked.output)
    print(f"{len(rows)} outcomes, {asked.output.stat().st_size:,} bytes, {digest}")


if __name__ == "__main__":
    main()
