"""Does the rung below hold the bar, for this workload, on these calls?

In: calls of one workload, as a log has them, and rungs. Out: which calls can be asked again and the bodies that
ask, clusters in the order they are drawn, scores of answers in [0, 1] by a grader, a judge or people, sequential
tests of them, and evidence from which the verdict can be worked out again. What waits takes a `calls.Send`;
what is kept goes through `Answers`; everything else is pure.
"""

from __future__ import annotations

from tierwise.prove._answers import ATTEMPTS, Answers, Careful, InMemory, Kept
from tierwise.prove._asking import Question, Replied, replied
from tierwise.prove._bench import HARD_MOST, SLICE_LOSS, STEADY, Level
from tierwise.prove._choose import Chosen, choose_grader
from tierwise.prove._clusters import Cluster, clusters
from tierwise.prove._evidence import EXPIRES, file_name
from tierwise.prove._flow import Means, Told, Work, prove
from tierwise.prove._free import score, unless_failed
from tierwise.prove._graders.embedding import Embedding
from tierwise.prove._grading import Case, People
from tierwise.prove._hypothesis import Hypothesis, opened
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
from tierwise.prove._plan import (
    OVER,
    Planned,
    Step,
    chance,
    cluster_cap,
    expected_calls,
    expected_clusters,
    labelled_low,
    problem_of,
    step_of,
    warning_of,
)
from tierwise.prove._population import FEWEST_REPLAYABLE, Logged, Population, call_id, populations, restricted
from tierwise.prove._proof import HOLDING, Proof, Verified, read_evidence, verdict_of, verify
from tierwise.prove._purse import Purse, most_cost
from tierwise.prove._replayable import Sorted, sort_replayable, unreplayable
from tierwise.prove._replayed import Prepared, prepare
from tierwise.prove._right import file_digest, people_of, right_answers
from tierwise.prove._score import Grader, Paid, PaidGrader, Reference, Score
from tierwise.prove._trial import Progress

__all__ = [
    "ATTEMPTS",
    "CHOICES",
    "EXPIRES",
    "FEWEST_REPLAYABLE",
    "HARD_MOST",
    "HOLDING",
    "OVER",
    "SLICE_LOSS",
    "STEADY",
    "Answers",
    "Careful",
    "Case",
    "Choice",
    "Chosen",
    "Cluster",
    "Embedding",
    "EmbeddingNamed",
    "Grader",
    "Hypothesis",
    "InMemory",
    "Judge",
    "JudgeNamed",
    "Kept",
    "LabelPage",
    "Level",
    "Logged",
    "Means",
    "Named",
    "Outcome",
    "Paid",
    "PaidGrader",
    "Pair",
    "People",
    "Planned",
    "Population",
    "Prepared",
    "Progress",
    "Proof",
    "Purse",
    "Question",
    "Reference",
    "Replied",
    "Row",
    "Score",
    "Sorted",
    "Step",
    "Told",
    "Verdict",
    "Verified",
    "Work",
    "agreement",
    "answer_of",
    "call_id",
    "call_text",
    "candidate_is_left",
    "candidate_score",
    "chance",
    "choose_grader",
    "cluster_cap",
    "clusters",
    "csv_of",
    "draw",
    "expected_calls",
    "expected_clusters",
    "file_digest",
    "file_name",
    "grader",
    "judge",
    "labelled_low",
    "load_rows",
    "most_cost",
    "opened",
    "people_of",
    "populations",
    "prepare",
    "problem_of",
    "prove",
    "rater_name",
    "raters",
    "read_evidence",
    "replied",
    "restricted",
    "right_answers",
    "rows_of",
    "save_rows",
    "score",
    "sort_replayable",
    "step_of",
    "unless_failed",
    "unreplayable",
    "verdict_of",
    "verify",
    "warning_of",
]
