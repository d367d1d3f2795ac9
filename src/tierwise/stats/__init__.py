"""Statistics: tests valid whenever they are looked at, exact intervals, certificates of risk.

In: numbers, and what was fixed before they were seen. Out: verdicts and bounds that are the same
for the same input, bit by bit. What each method claims, and what it does not: docs/statistics.md.
"""

from __future__ import annotations

from tierwise.stats._binomial import beta_cdf, binomial_tail, clopper_pearson, paired_size, wilson
from tierwise.stats._calibration import (
    Curve,
    Steps,
    beta_curve,
    expected_calibration_error,
    isotonic,
    platt,
)
from tierwise.stats._change import Change, ChangeState
from tierwise.stats._mean import MeanTest, MeanTests
from tierwise.stats._path import Packed, Record, pack, unpack
from tierwise.stats._resample import Interval, bootstrap, kappa, krippendorff
from tierwise.stats._risk import (
    Certified,
    certify_mean,
    certify_selective,
    conformal_threshold,
    one_each,
    selective_counts,
)
from tierwise.stats._several import e_bh, fixed_sequence
from tierwise.stats._units import Unit, by_cluster, rectified, rectified_bounds, rectify

__all__ = [
    "Certified",
    "Change",
    "ChangeState",
    "Curve",
    "Interval",
    "MeanTest",
    "MeanTests",
    "Packed",
    "Record",
    "Steps",
    "Unit",
    "beta_cdf",
    "beta_curve",
    "binomial_tail",
    "bootstrap",
    "by_cluster",
    "certify_mean",
    "certify_selective",
    "clopper_pearson",
    "conformal_threshold",
    "e_bh",
    "expected_calibration_error",
    "fixed_sequence",
    "isotonic",
    "kappa",
    "krippendorff",
    "one_each",
    "pack",
    "paired_size",
    "platt",
    "rectified",
    "rectified_bounds",
    "rectify",
    "selective_counts",
    "unpack",
    "wilson",
]
