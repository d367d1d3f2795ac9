"""Cost arithmetic: cases from public bug reports with their own rates, and what always holds."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import KINDS, RateCard, Rates, Tokens, disjoint_tokens
from tierwise.errors import Unpriced


def rates(**usd: str) -> Rates:
    return Rates(**{kind: Decimal(rate) for kind, rate in usd.items()})


def card(**usd: str) -> RateCard:
    return RateCard(model="m", lane="standard", short=rates(**usd))


STEPPED = RateCard(
    model="m",
    lane="standard",
    short=rates(uncached="5", output="30"),
    long=rates(uncached="10", output="45"),
    threshold=272_000,
)


@pytest.mark.parametrize(
    ("priced", "usage", "total"),
    [
        pytest.param(
            card(uncached="2.50", cached="1.25", output="10"),
            {"input": 2006, "cached": 1920, "output": 300},
            "0.005615",
            id="cached is part of the prompt",
        ),
        pytest.param(
            card(uncached="2.50", cached="0.25", output="15"),
            {"input": 10_000, "written": 10_000},
            "0.025",
            id="no write rate, no premium",
        ),
        pytest.param(STEPPED, {"input": 272_000, "output": 1000}, "1.390", id="at the threshold"),
        pytest.param(STEPPED, {"input": 272_001, "output": 1000}, "2.765010", id="one above the threshold"),
        pytest.param(
            card(uncached="2.50", output="15"),
            {"input": 1000, "output": 100},
            "0.004",
            id="the tier that served",
        ),
        pytest.param(
            RateCard(model="m", lane="flex", short=rates(uncached="1.25", output="7.50")),
            {"input": 1000, "output": 1000, "reasoning": 800},
            "0.008750",
            id="flex holds for reasoning too",
        ),
        pytest.param(
            card(uncached="0.60", output="2.40", audio_output="20"),
            {"input": 15, "output": 13 + 34, "audio_output": 34},
            "0.0007202",
            id="audio has its own rate",
        ),
        pytest.param(
            RateCard(model="m", lane="batch", short=rates(uncached="1.25", cached="0.13", output="7.50")),
            {"input": 10_000, "cached": 8000},
            "0.00354",
            id="cached inside a batch",
        ),
    ],
)
def test_the_cost_of_reported_usage(priced: RateCard, usage: dict[str, int], total: str) -> None:
    assert priced.cost(disjoint_tokens(**usage)).total == Decimal(total)


def test_cached_tokens_count_towards_the_threshold() -> None:
    stepped = RateCard(
        model="m",
        lane="standard",
        short=rates(uncached="5", cached="0.5"),
        long=rates(uncached="10", cached="1"),
        threshold=272_000,
    )
    cost = stepped.cost(Tokens(uncached=1, cached=272_000))
    assert cost.parts == {"uncached": Decimal("0.00001"), "cached": Decimal("0.272")}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("written", "reasoning")])
def test_a_kind_without_a_rate_is_unpriced_by_name(kind: str) -> None:
    held = {name: Decimal(1) for name in Rates.__struct_fields__ if name != kind}
    priced = RateCard(model="gpt-x", lane="flex", short=Rates(**held))
    with pytest.raises(
        Unpriced, match=f"gpt-x has no published rate for {kind.replace('_', ' ')} tokens in the flex"
    ):
        priced.cost(Tokens(**{kind: 3}))
    assert priced.cost(Tokens(**dict.fromkeys({"written", "cached"} - {kind}, 1))).total > 0


def test_a_rate_that_exists_but_is_not_published_is_not_the_input_rate() -> None:
    priced = RateCard(
        model="m", lane="standard", short=rates(uncached="8"), unpublished=frozenset({"written"})
    )
    with pytest.raises(Unpriced, match="written"):
        priced.cost(Tokens(written=1))


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity", "1e999", "1e-60", "9" * 41])
def test_a_rate_that_is_no_price_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="uncached must be a rate"):
        rates(uncached=rate)


money = st.decimals(0, 1000, allow_nan=False, places=4)
tokens_of = st.fixed_dictionaries({kind: st.integers(0, 2**31 - 1) for kind in KINDS}).map(
    lambda d: Tokens(**d)
)
all_rates = st.fixed_dictionaries(dict.fromkeys(Rates.__struct_fields__, money)).map(lambda d: Rates(**d))


@given(all_rates, tokens_of)
def test_parts_add_up_to_the_total_exactly(held: Rates, tokens: Tokens) -> None:
    """Whatever precision the program around it has set."""
    with localcontext() as context:
        context.prec = 4
        cost = RateCard(model="m", lane="standard", short=held).cost(tokens)
    with localcontext() as context:
        context.prec = 100
        assert sum(cost.parts.values(), Decimal(0)) == cost.total
        expected = sum((getattr(tokens, kind) * (held.of(kind) or 0) for kind in KINDS), Decimal(0))
        assert cost.total * 1_000_000 == expected


@given(all_rates, tokens_of, st.sampled_from(KINDS), st.integers(1, 1000))
def test_a_price_never_falls_as_tokens_of_one_kind_rise(
    held: Rates, tokens: Tokens, kind: str, more: int
) -> None:
    counts: dict[str, Any] = {name: getattr(tokens, name) for name in KINDS}
    dearer = Tokens(**{**counts, kind: counts[kind] + more})
    priced = RateCard(model="m", lane="standard", short=held)
    assert priced.cost(dearer).total >= priced.cost(tokens).total
