"""Does the rung below hold the bar: what it takes to ask, to grade and to label, without the statistics.

In: calls of one workload, as a log has them, and a rung. Out: which calls can be asked again and the bodies
that ask, clusters in the order they are drawn, scores of answers in [0, 1] by a grader or a judge, and files
of labels by people. What waits takes a `calls.Send`; everything else is pure.
"""

from __future__ import annotations

from tierwise.prove._asking import Question, Replied, replied
from tierwise.prove._choose import Chosen, choose_grader
from tierwise.prove._clusters import Cluster, clusters
from tierwise.prove._free import score, unless_failed
from tierwise.prove._graders.embedding import Embedding
from tierwise.prove._judge import Judge, Outcome, Verdict, judge
from tierwise.prove._judge_text import answer_of, call_text
from tierwise.prove._label_page import LabelPage
from tierwise.prove._labels import (
    CHOICES,
    Choice,
    Pair,
    Row,
    agreement,
    candidate_is_left,
    candidate_score,
    csv_of,
    draw,
    load_rows,
    rater_name,
    raters,
    rows_of,
    save_rows,
)
from tierwise.prove._named import EmbeddingNamed, JudgeNamed, Named, grader
from tierwise.prove._replayable import Sorted, sort_replayable, unreplayable
from tierwise.prove._replayed import Prepared, prepare
from tierwise.prove._score import Grader, Paid, PaidGrader, Reference, Score

__all__ = [
    "CHOICES",
    "Choice",
    "Chosen",
    "Cluster",
    "Embedding",
    "EmbeddingNamed",
    "Grader",
    "Judge",
    "JudgeNamed",
    "LabelPage",
    "Named",
    "Outcome",
    "Paid",
    "PaidGrader",
    "Pair",
    "Prepared",
    "Question",
    "Reference",
    "Replied",
    "Row",
    "Score",
    "Sorted",
    "Verdict",
    "agreement",
    "answer_of",
    "call_text",
    "candidate_is_left",
    "candidate_score",
    "choose_grader",
    "clusters",
    "csv_of",
    "draw",
    "grader",
    "judge",
    "load_rows",
    "prepare",
    "rater_name",
    "raters",
    "replied",
    "rows_of",
    "save_rows",
    "score",
    "sort_replayable",
    "unless_failed",
    "unreplayable",
]
