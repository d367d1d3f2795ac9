"""The rows that `benchmarks/router.py` measures on, and how they are split. Nothing here is tuned or trained."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DATA = Path(__file__).parents[2] / "shared" / "data" / "routing"
WEAK = ("mistral-7b-instruct-v0.3", "gemma-2-9b-it", "llama-3.1-8b-instruct")
STRONG = ("llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1")
"""Of LLMRouter's nine, the small instruct models, and the two of about 50 billion parameters."""


class Pairs(msgspec.Struct, frozen=True, eq=False):
    """Requests with the scores of a weaker and a stronger model."""

    texts: list[str]
    weak: Floats
    strong: Floats
    answers: list[str] = []
    """The weaker model's, where the data have them."""


class TestRowRead(Exception):
    """Training asked for a row that is held out."""


class Sealed(Sequence[Any]):
    """Rows of which only those of the training split can be read."""

    def __init__(self, rows: Sequence[Any] | Floats, allowed: Ints) -> None:
        self.rows = rows
        self.allowed = frozenset(allowed.tolist())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Any:
        if int(at) not in self.allowed:
            raise TestRowRead(f"row {at} is held out")
        return self.rows[int(at)]

    def __iter__(self) -> Iterator[Any]:
        raise TestRowRead("reading all rows reads those held out")


def split(count: int, train: int, seed: int) -> tuple[Ints, Ints]:
    """Rows to train on, and the rest."""
    order = np.random.default_rng(seed).permutation(count)
    return order[:train], order[train:]


def folds(count: int, number: int, seed: int) -> list[tuple[Ints, Ints]]:
    """`number` pairs of rows to train on and rows held out; each row is held out once."""
    own = np.random.default_rng(seed).permutation(count) % number
    return [(np.flatnonzero(own != at), np.flatnonzero(own == at)) for at in range(number)]


def key(text: str) -> str:
    """A question by its first 60 letters and digits: what the same question has in two data sets."""
    return re.sub(r"\W+", "", text.lower())[:60]


def without(pairs: Pairs, others: Sequence[str]) -> Pairs:
    """The rows whose question is none of the others'."""
    known = {key(text) for text in others}
    kept = np.array([key(text) not in known for text in pairs.texts], dtype=np.bool_)
    return Pairs(
        [t for t, keep in zip(pairs.texts, kept.tolist(), strict=True) if keep],
        pairs.weak[kept],
        pairs.strong[kept],
    )


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file in gzip."""
    csv.field_size_limit(1 << 30)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines(path: Path) -> list[Any]:
    """The objects of a JSONL file, plain or in gzip."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [msgspec.json.decode(line) for line in raw.splitlines() if line.strip()]


def mmlu(data: Path) -> Pairs:
    """14,037 questions; the subject is not read."""
    rows = [r for r in table(data / "RouteLLM/mmlu/mmlu_responses.csv.gz") if r["contaminated"] == "0"]
    return Pairs(
        [r["prompt"] for r in rows],
        np.array([float(r["mixtral_8x7b_correct"]) for r in rows]),
        np.array([float(r["gpt4_1106_correct"]) for r in rows]),
    )


def gsm8k(data: Path) -> Pairs:
    """1,307 questions with the weak model's answers."""
    folder = data / "RouteLLM/gsm8k"
    bad = {row["eval_prompt"] for row in lines(folder / "contaminated_prompts.jsonl")}
    rows = [r for r in table(folder / "gsm8k_responses.csv.gz") if r["prompt"] not in bad]
    weak = "mistralai/Mixtral-8x7B-Instruct-v0.1"
    return Pairs(
        [r["prompt"] for r in rows],
        np.array([float(r[weak] == "True") for r in rows]),
        np.array([float(r["gpt-4-1106-preview"] == "True") for r in rows]),
        [r[f"{weak}_response"] for r in rows],
    )


def mt_bench_questions(data: Path) -> list[str]:
    """The first turns alone, so that training can leave out any question that occurs there too."""
    return [q["turns"][0] for q in lines(data / "RouteLLM/mt_bench/question.jsonl")]


def mt_bench(data: Path) -> Pairs:
    """72 first turns; a score is the mean of both turns, 1 to 10."""
    folder = data / "RouteLLM/mt_bench"
    bad = {row["eval_prompt"] for row in lines(folder / "contaminated_prompts.jsonl")}
    questions = [q for q in lines(folder / "question.jsonl") if not bad & set(q["turns"])]
    got: dict[tuple[int, bool], list[float]] = {}
    for row in lines(folder / "judgements.jsonl.gz"):
        got.setdefault((row["question_id"], "gpt-4" in row["model"]), []).append(row["score"])
    score = {at: float(np.mean(scores)) for at, scores in got.items()}
    return Pairs(
        [q["turns"][0] for q in questions],
        np.array([score[q["question_id"], False] for q in questions]),
        np.array([score[q["question_id"], True] for q in questions]),
    )


class Nine(msgspec.Struct, frozen=True, eq=False):
    """LLMRouter's rows: questions and the scores of nine models, NaN where one is missing."""

    models: tuple[str, ...]
    texts: list[str]
    scores: Floats

    def pairs(self) -> Pairs:
        """Means of the small and of the large models; rows without either are left out."""
        at = {model: place for place, model in enumerate(self.models)}
        weak = self.scores[:, [at[m] for m in WEAK]]
        strong = self.scores[:, [at[m] for m in STRONG]]
        kept = np.array(~(np.isnan(weak).all(1) | np.isnan(strong).all(1)))
        texts = [t for t, keep in zip(self.texts, kept.tolist(), strict=True) if keep]
        # One metric of the source, of the order of words, falls below 0.
        return Pairs(texts, *(np.clip(np.nanmean(of[kept], axis=1), 0, 1) for of in (weak, strong)))


def nine(data: Path) -> tuple[Nine, Nine]:
    """Training rows, without the questions that are tested too, and test rows."""
    parts = []
    for name in ("train", "test"):
        raw = gzip.decompress((data / f"LLMRouter/scores9_{name}.json.gz").read_bytes())
        parts.append(msgspec.json.decode(raw))
    tested = {row["question"].strip() for row in parts[1]}
    parts[0] = [row for row in parts[0] if row["question"].strip() not in tested]
    models = tuple(sorted({model for row in parts[1] for model in row["scores"]}))
    made = [
        Nine(
            models,
            [row["question"] for row in rows],
            np.array([[row["scores"].get(m, np.nan) for m in models] for row in rows], dtype=np.float64),
        )
        for rows in parts
    ]
    return made[0], made[1]


def arena(data: Path) -> Pairs:
    """RouterArena's 809 prompts: claude-3-haiku and gemini-2.0-flash, the better of the two."""
    got = []
    for model in ("claude-3-haiku-20240307", "gemini-2.0-flash-001"):
        rows = lines(data / f"RouterArena/cached_results/{model}.jsonl.gz")
        got.append({r["global_index"]: (r["question"], float(r["evaluation_result"]["score"])) for r in rows})
    names = [name for name in got[0] if name in got[1]]
    return Pairs(
        [got[0][n][0] for n in names],
        np.array([got[0][n][1] for n in names]),
        np.array([got[1][n][1] for n in names]),
    )
