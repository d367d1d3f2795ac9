"""Measuring all with something cheap and a share of them with the real thing, without bias."""

from __future__ import annotations


def augmented(guess: float, value: float | None, probability: float) -> float:
    """An unbiased stand-in for a value that is only known of a share: the guess, corrected where it is known.

    guess + (value - guess) / probability where the value is known, else the guess. Its expectation is the
    value's, however bad the guess, if the guess was fixed before it was drawn whether the value becomes
    known, with a chance known beforehand. Source: Robins, Rotnitzky and Zhao, JASA 89, 1994; with a
    model's guesses, Angelopoulos et al., "Prediction-powered inference", Science 382, 2023; fed to bets
    one at a time, Csillag, Struchiner and Goedert, "Prediction-powered e-values", ICML 2025.

    Args:
        guess: What a judge says, or what was usual in earlier calls.
        value: What is right; None where it was not drawn.
        probability: The chance with which it was drawn, above 0, at most 1.

    Raises:
        ValueError: The probability is not a chance above 0.
    """
    if not 0 < probability <= 1:
        raise ValueError(f"expected a chance above 0 and up to 1, got {probability}")
    return guess if value is None else guess + (value - guess) / probability


def augmented_bounds(low: float, high: float, probability: float) -> tuple[float, float]:
    """Least and largest stand-in, where guesses and values are from `low` to `high`.

    Raises:
        ValueError: The probability is not a chance above 0, or the bounds are in the wrong order.
    """
    if not 0 < probability <= 1 or not low < high:
        raise ValueError(f"expected a chance and low < high, got {probability}, {low}, {high}")
    reach = (high - low) / probability
    return high - reach, low + reach
