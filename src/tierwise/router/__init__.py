"""The learned scorer: for one request and each rung, the chance that the rung's answer holds the bar.

In: outcomes (text, rung, score, propensity) to train on; later a request. Out: a `Scorer`, one
small file of data, and its numbers for a request with an uncertainty. `evaluate` sets a scorer
beside honest baselines. Nothing here decides: `policy` does, on the numbers.
"""

from __future__ import annotations

from tierwise.router._answer import SIGNS, answer_signs
from tierwise.router._artefact import decode, encode, load, prior, save
from tierwise.router._calibrate import Curve
from tierwise.router._curves import aiq, apgr, calibration_error, cpt, deferral, hull, neutral_cost, resampled
from tierwise.router._evaluate import Evaluation, Row, evaluate
from tierwise.router._model import About, RungScore, Scored, Scorer, cheapest
from tierwise.router._text import Text, text_of
from tierwise.router._train import LEAST_CALLS, Outcome, Trained, train

__all__ = [
    "LEAST_CALLS",
    "SIGNS",
    "About",
    "Curve",
    "Evaluation",
    "Outcome",
    "Row",
    "RungScore",
    "Scored",
    "Scorer",
    "Text",
    "Trained",
    "aiq",
    "answer_signs",
    "apgr",
    "calibration_error",
    "cheapest",
    "cpt",
    "decode",
    "deferral",
    "encode",
    "evaluate",
    "hull",
    "load",
    "neutral_cost",
    "prior",
    "resampled",
    "save",
    "text_of",
    "train",
]
