"""What a call saved, by lever: the parts add up whatever was expected and whatever came."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import Call
from tierwise.catalog import Catalog, Tokens
from tierwise.online._price import kept_long, price
from tierwise.policy import Caching, Decision, Plan, Rung, Step

CATALOG = Catalog.open()
AT = int(dt.datetime(2026, 11, 25, tzinfo=dt.UTC).timestamp() * 1e6)
counts = st.integers(0, 200_000)
used = st.builds(Tokens, uncached=counts, cached=counts, output=counts, reasoning=counts)
LEVERS = ("as asked", "tools", "cache", "tier", "effort", "lane")


def decision(steps: list[Tokens], *, moved: bool) -> Decision:
    rung = Rung("gpt-5.4-mini" if moved else "gpt-5.4", "low")
    costs = [Decimal(n) / 1_000 for n in range(len(steps))]
    return Decision(
        plan=Plan(rung=rung, caching=Caching(key="tw-1")),
        baseline=Rung("gpt-5.4", "low"),
        lane_asked="standard",
        rule="r",
        moved=moved,
        unproven=False,
        reasons=(),
        steps=tuple(Step(lever=n, tokens=t, cost=c) for n, t, c in zip(LEVERS, steps, costs, strict=True)),
        policy="",
        prices="",
    )


@given(
    st.lists(used, min_size=6, max_size=6),
    used,
    st.booleans(),
    st.none() | counts,
    st.lists(used, max_size=2),
)
def test_shares_add_up_to_the_last_digit(
    steps: list[Tokens], came: Tokens, moved: bool, left: int | None, earlier: list[Tokens]
) -> None:
    """With definitions left out and steps of a search that were paid before, too."""
    decided = decision(steps, moved=moved)
    call = Call(endpoint="chat", model_served=decided.plan.rung.model, at=AT, tokens=came, status="ok")
    found = price(call, decided, CATALOG, left=left, earlier=tuple(earlier))
    assert found.cost is not None
    assert found.as_asked is not None
    assert sum(found.saved.values(), Decimal(0)) == found.as_asked - found.cost
    if not moved:
        assert set(found.saved) <= {"tools", "cache"}
        assert found.as_asked >= 0


def test_tools_and_cache_each_have_their_own_share() -> None:
    """2,000 tokens left out and 3,000 read for the lever's sake: what each would have cost as asked."""
    whole, lean = Tokens(uncached=8_000, output=10), Tokens(uncached=6_000, output=10)
    read = Tokens(uncached=3_000, cached=3_000, output=10)
    decided = decision([whole, lean, read, read, read, read], moved=False)
    call = Call(endpoint="chat", model_served="gpt-5.4", at=AT, tokens=read, status="ok")
    found = price(call, decided, CATALOG)
    card = CATALOG.rate_card("gpt-5.4", "standard", at=dt.date(2026, 11, 25))
    assert found.as_asked == card.total(whole)
    assert found.saved == {
        "tools": card.total(whole) - card.total(lean),
        "cache": card.total(lean) - card.total(read),
    }


def test_writes_for_twelve_hours_are_priced_so_though_the_reply_does_not_say() -> None:
    call = Call(
        endpoint="chat", model_served="gpt-5.6-luna", at=AT, tokens=Tokens(written=2_000), status="ok"
    )
    asked = b'{"prompt_cache_options":{"ttl":"12h"}}'
    long = kept_long(call, None, asked)
    assert long.tokens == Tokens(written_12h=2_000)
    plan = Plan(rung=Rung("gpt-5.6-luna"), caching=Caching(retention="12h"))
    decided = msgspec.structs.replace(decision([Tokens()] * 6, moved=False), plan=plan)
    assert kept_long(call, decided, b"{}").tokens == Tokens(written_12h=2_000)
    for body in (b"{}", b'{"input":"\\"12h\\""}', b'["12h"', b'{"prompt_cache_options":"12h"}', b'"12h"\xff'):
        assert kept_long(call, None, body) is call
    short, dear = price(call, None, CATALOG).cost, price(long, None, CATALOG).cost
    assert short is not None
    assert dear == 2 * short
