"""Definitions sent and never used, with the risk of dropping them."""

from __future__ import annotations

import pytest

from tierwise.tools import Sent, unused

SEARCH, REFUND, SHIP = Sent(1, "search", 100), Sent(2, "refund", 300), Sent(3, "ship", 200)


def test_only_what_no_answer_called_is_unused_dearest_first() -> None:
    found = unused({SEARCH: 60, REFUND: 60, SHIP: 60}, {"search"})
    assert [u.tool.name for u in found] == ["refund", "ship"]


def test_the_risk_is_three_over_the_sessions_seen() -> None:
    assert unused({REFUND: 300}, ())[0].risk == pytest.approx(0.01)


@pytest.mark.parametrize(("sessions", "said"), [(29, 0), (30, 1)])
def test_nothing_is_said_on_few_sessions(sessions: int, said: int) -> None:
    assert len(unused({REFUND: sessions}, ())) == said


def test_a_definition_without_a_name_is_left_alone() -> None:
    assert unused({Sent(4, "", 50): 100}, ()) == ()
