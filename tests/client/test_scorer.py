"""A scorer in front of the official SDK: the policy's own file, or one that the program plugs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tierwise
from tierwise.calls import Request
from tierwise.catalog import Catalog
from tierwise.errors import CallerError, ConfigurationError
from tierwise.policy import RungScore, Scored, load_policy
from tierwise.workloads import Facts

RULE = """
[[rule]]
name = "mixed"
match = {}
rung = "gpt-5.4-nano"
scorer = SCORER
stage = "on"
unproven = true
approved_by = "kim"
"""


def sent(bench: Any, client: Any, text: str) -> str:
    """The model that a call goes to."""
    client.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": text}])
    found: str = bench.bodies[-1]["model"]
    return found


def test_the_policys_scorer_decides_by_the_text(bench: Any, scorer_file: Path) -> None:
    (bench.folder / "router.scorer").write_bytes(scorer_file.read_bytes())
    client = bench.wrapped(RULE.replace("SCORER", '{ file = "router.scorer", quality = 0.9 }'))
    assert sent(bench, client, "classify the ticket about number 5") == "gpt-5.4-nano"
    assert sent(bench, client, "prove the theorem on number 5") == "gpt-5.4"
    assert sent(bench, client, "zzxq wrbl kkfjd ppqow mnbvc") == "gpt-5.5"


def short_is_easy(request: Request, facts: Facts | None = None, /) -> Scored:
    low = 0.99 if len(request.messages[-1].text) < 40 else 0.0
    return Scored((RungScore("gpt-5.4-nano", low, low, low),), support=1.0, known=True, digest="length")


def test_another_scorer_is_plugged_in_by_one_line_here_and_one_in_the_policy(bench: Any) -> None:
    client = bench.wrapped(RULE.replace("SCORER", '"own"'), scorer=short_is_easy)
    assert sent(bench, client, "Is this a bill?") == "gpt-5.4-nano"
    assert sent(bench, client, "Is this a bill? " * 20) == "gpt-5.5"


def test_a_scorer_that_no_rule_asks_is_refused(bench: Any) -> None:
    with pytest.raises(CallerError, match='scorer = "own"'):
        bench.wrapped(scorer=short_is_easy)
    with pytest.raises(CallerError, match='scorer = "own"'):
        tierwise.wrap(bench.bare(), observe=True, scorer=short_is_easy)


def test_a_scorer_that_a_rule_asks_and_that_is_not_at_hand_is_missed_at_once(
    bench: Any, scorer_file: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"rule 'mixed' asks scorer own, .*: pass scorer="):
        bench.wrapped(RULE.replace("SCORER", '"own"'))
    path = bench.policy(RULE.replace("SCORER", f'"{scorer_file}"'))
    read = load_policy(path, Catalog.open())
    with pytest.raises(ConfigurationError, match="pass the policy's file"):
        tierwise.wrap(bench.bare(), policy=read)
    off = bench.policy(RULE.replace("SCORER", '"own"').replace('"on"', '"off"'))
    tierwise.wrap(bench.bare(), policy=off)


def test_a_policy_without_its_scorers_file_is_refused(bench: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"rule\[1\].scorer: expected a scorer at 'gone'"):
        bench.wrapped(RULE.replace("SCORER", '"gone"'))
