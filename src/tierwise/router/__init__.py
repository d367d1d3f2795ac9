"""The learned scorer: for one request and each rung, the chance that the rung's answer holds the bar.

In: outcomes (text, rung, score, propensity) to train on; later a request. Out: a `Scorer`, one
small file of data, and its numbers for a request with an uncertainty. `evaluate` sets a scorer
beside honest baselines. Nothing here decides: `policy` does, on the numbers.
"""

from __future__ import annotations

from tierwise.router._answer import SIGNS, answer_signs
from tierwise.router._artefact import decode, encode, load, prior, save
from tierwise.router._calibrate import Curve
from tierwise.router._chart import chart
from tierwise.router._curves import aiq, apgr, cpt, deferral, hull, neutral_cost, resampled
from tierwise.router._drift import RUN_LENGTH, TOLERATED, Drift, DriftState, Watched, watch
from tierwise.router._evaluate import Evaluation, Row, evaluate
from tierwise.router._features import Counted, counted
from tierwise.router._matrix import Matrix, Space, matrix, ridge, space_of
from tierwise.router._model import Scorer, cheapest
from tierwise.router._outcomes import Joined, Label, join, labels, texts_of
from tierwise.router._recorded import FromLedger, recorded_outcomes
from tierwise.router._target import Setting, for_quality, for_spend, settings
from tierwise.router._text import Text, text_of
from tierwise.router._train import LEAST_CALLS, Outcome, Trained, train

__all__ = [
    "LEAST_CALLS",
    "RUN_LENGTH",
    "SIGNS",
    "TOLERATED",
    "Counted",
    "Curve",
    "Drift",
    "DriftState",
    "Evaluation",
    "FromLedger",
    "Joined",
    "Label",
    "Matrix",
    "Outcome",
    "Row",
    "Scorer",
    "Setting",
    "Space",
    "Text",
    "Trained",
    "Watched",
    "aiq",
    "answer_signs",
    "apgr",
    "chart",
    "cheapest",
    "counted",
    "cpt",
    "decode",
    "deferral",
    "encode",
    "evaluate",
    "for_quality",
    "for_spend",
    "hull",
    "join",
    "labels",
    "load",
    "matrix",
    "neutral_cost",
    "prior",
    "recorded_outcomes",
    "resampled",
    "ridge",
    "save",
    "settings",
    "space_of",
    "text_of",
    "texts_of",
    "train",
    "watch",
]
