"""The replayed cache follows the documented rules on whole logs, and says how far it is from them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from logs import audited, pair

from tierwise.audit import WorkloadRow
from tierwise.policy import Limits

LONG = "Follow the house rules of the shop in every answer, and keep to the tone of the brand. " * 120


def lines(count: int = 30, apart: float = 1, **more: Any) -> list[dict[str, Any]]:
    return [
        pair(id=str(i), minute=i * apart, instructions=LONG, user=f"Ticket {i}", **({"input": 2400} | more))
        for i in range(count)
    ]


def only(folder: Path, calls: list[dict[str, Any]], **options: Any) -> WorkloadRow:
    (row,) = audited(folder, calls, **options).findings.workloads
    return row


def test_calls_a_minute_apart_could_read_the_instructions(tmp_path: Path) -> None:
    assert only(tmp_path, lines()).simulated_share > 0.8


def test_an_effort_that_is_the_default_shares_the_cache_of_one_not_sent(tmp_path: Path) -> None:
    calls = lines()
    for call in calls[::2]:
        call["request"]["reasoning_effort"] = "medium"  # what gpt-5.5 does by itself
    assert only(tmp_path, calls).simulated_share > 0.8


@pytest.mark.parametrize(
    "setting", ["reasoning_effort", "verbosity", "prompt_cache_key"], ids=lambda s: s.replace("_", " ")
)
def test_a_setting_that_differs_from_call_to_call_breaks_the_prefix(setting: str, tmp_path: Path) -> None:
    calls = lines(2)
    for call, value in zip(calls, ("low", "high"), strict=True):
        call["request"][setting] = value
    assert only(tmp_path, calls).simulated_share == 0


def test_each_machine_beyond_fifteen_calls_a_minute_learns_the_prefix_first(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow", tmp_path / "fast"
    slow.mkdir()
    fast.mkdir()
    few = only(slow, lines(45, apart=0.1)).simulated_share
    # All within a minute: three machines, so three calls that find nothing and not one.
    many = only(fast, lines(45, apart=0.01)).simulated_share
    assert few * 42 == pytest.approx(many * 44)


@pytest.mark.parametrize(("zero", "warm"), [(False, True), (True, False)])
def test_without_retention_entries_are_gone_after_ten_minutes(zero: bool, warm: bool, tmp_path: Path) -> None:
    calls = lines(apart=20, model="gpt-5.4")
    row = only(tmp_path, calls, limits=Limits(zero_retention=zero))
    assert (row.simulated_share > 0) is warm


def test_from_gpt_5_6_on_only_whole_prompts_are_found_again(tmp_path: Path) -> None:
    assert only(tmp_path, lines(model="gpt-5.6-sol")).simulated_share == 0
    again = only(
        tmp_path,
        [pair(id=str(i), minute=i, model="gpt-5.6-sol", instructions=LONG, input=2400) for i in range(9)],
    )
    assert again.simulated_share > 0.8


def test_a_read_spares_the_fee_for_writing(tmp_path: Path) -> None:
    """9 prompts written at 5 dollars a million, of which 8 could have been read at 0.40."""
    calls = [
        pair(
            id=str(i),
            minute=i,
            model="gpt-5.6-sol",
            instructions=LONG,
            user="Same",
            input=2400,
            text=f"{i}",
        )
        for i in range(9)
    ]
    for i, call in enumerate(calls):
        call["user"] = f"person {i}"
        call["response"]["usage"]["prompt_tokens_details"]["cache_write_tokens"] = 2400
    row = only(tmp_path, calls, ladder="gpt-5.4")
    read = int(row.simulated_share * 9 * 2400 + 0.5)
    assert read > 8 * 1024
    assert row.levers["cache"] == read * (Decimal(5) - Decimal("0.4")) / 1_000_000


def test_the_replay_is_set_beside_what_the_log_says_was_read(tmp_path: Path) -> None:
    found = audited(tmp_path, lines(cached=2048)).findings.cache_check
    assert found is not None
    assert (found.calls, found.input, found.seen) == (30, 30 * 2400, 30 * 2048)
    assert found.not_explained == 2048  # the first call cannot have found anything in this log
    assert found.simulated - found.seen == found.not_read - found.not_explained


def test_a_log_without_text_has_nothing_to_set_beside(tmp_path: Path) -> None:
    assert audited(tmp_path, []).findings.cache_check is None
