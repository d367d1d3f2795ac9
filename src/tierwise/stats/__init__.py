"""Statistics without words of the domain: tests that may be looked at at any time, exact intervals, risk control.

Everything is exact or says by how much it is not, cites its source, and gives the same bits for the same
input. Numbers are floats; money is never here.
"""

from __future__ import annotations

from tierwise.stats._agreement import cohen_kappa, kappa_interval
from tierwise.stats._augmented import augmented, augmented_bounds
from tierwise.stats._bets import Bets, MeanTest
from tierwise.stats._binomial import (
    beta_cdf,
    binomial_at_most,
    clopper_pearson,
    normal_quantile,
    pairs_needed,
    upper_bound,
    wilson,
)
from tierwise.stats._calibrate import bootstrap, calibration_error, isotonic, platt
from tierwise.stats._drift import DropDetector
from tierwise.stats._families import e_benjamini_hochberg, fixed_sequence
from tierwise.stats._risk import (
    conformal_threshold,
    learn_then_test,
    selective_risk_test,
    selective_threshold,
)

__all__ = [
    "Bets",
    "DropDetector",
    "MeanTest",
    "augmented",
    "augmented_bounds",
    "beta_cdf",
    "binomial_at_most",
    "bootstrap",
    "calibration_error",
    "clopper_pearson",
    "cohen_kappa",
    "conformal_threshold",
    "e_benjamini_hochberg",
    "fixed_sequence",
    "isotonic",
    "kappa_interval",
    "learn_then_test",
    "normal_quantile",
    "pairs_needed",
    "platt",
    "selective_risk_test",
    "selective_threshold",
    "upper_bound",
    "wilson",
]
