"""How answers turned out: said of calls by their decision, by those whose calls they are, and in the next audit's log."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tierwise.calls import Call, decode_recorded, plan, read
from tierwise.ledger import outcomes_of

ASK: Any = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "Say a word"}]}


@pytest.fixture
def app(bench: Any) -> str:
    """The key of the application whose answers are spoken of."""
    return str(bench.key())


def called(bench: Any, key: str) -> str:
    raw = bench.client(key).chat.completions.with_raw_response.create(**ASK)
    return str(raw.headers["x-tierwise-decision"])


def say(bench: Any, key: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(
        bench.base_url + "/tierwise/outcomes",
        method="POST",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as found:
            return found.status, json.loads(found.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_score_label_and_thumbs_are_taken_and_the_last_of_a_name_counts(bench: Any, app: str) -> None:
    one = called(bench, app)
    bench.settled(1)
    for body in (
        {"score": 0.25},
        {"score": 1},
        {"label": "billing"},
        {"thumbs": "down"},
        {"name": "f1", "score": 0.1},
    ):
        status, told = say(bench, app, {"decision": one, **body})
        assert (status, told) == (200, {"taken": 1, "unknown": []})
    found = {o.name: (o.score, o.label, o.who) for o in outcomes_of(bench.ledger.engine)}
    assert found == {
        "score": (Decimal(1), None, "key:app"),
        "label": (None, "billing", "key:app"),
        "thumbs": (Decimal(0), None, "key:app"),
        "f1": (Decimal("0.1"), None, "key:app"),
    }


def test_an_outcome_may_come_before_its_call_is_in_the_ledger(bench: Any, app: str) -> None:
    assert say(bench, app, {"decision": called(bench, app), "score": 0.5})[0] == 200
    bench.settled(1)
    assert [o.score for o in outcomes_of(bench.ledger.engine)] == [Decimal("0.5")]


def test_an_export_has_the_scores_and_an_audit_reads_them(bench: Any, app: str, tmp_path: Path) -> None:
    one, _ = called(bench, app), called(bench, app)
    bench.settled(2)
    say(bench, app, {"decision": one, "thumbs": "up"})
    lines = list(bench.ledger.lines())
    assert sorted(str(decode_recorded(line).scores) for line in lines) == ["{'thumbs': 1.0}", "{}"]
    file = tmp_path / "calls.jsonl"
    file.write_bytes(b"".join(lines))
    records = [record for unit in plan([file]).units for record in read(unit)]
    scores = [record.scores for record in records if isinstance(record, Call)]
    assert {"thumbs": 1.0} in scores


def test_nobody_speaks_of_calls_of_another_project(bench: Any, app: str) -> None:
    one = called(bench, app)
    bench.settled(1)
    other = bench.key("other", project="elsewhere")
    assert say(bench, other, {"decision": one, "score": 0})[0] == 404
    # Not in yet: taken, and without effect once it turns out whose it is.
    two = called(bench, app)
    say(bench, other, {"decision": two, "score": 0})
    bench.settled(2)
    assert list(outcomes_of(bench.ledger.engine)) == []
    assert all(decode_recorded(line).scores == {} for line in bench.ledger.lines())


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "decision"),
        (b"{", "decision"),
        (b"[]", "decision"),
        ({"score": 1}, "decision"),
        ({"decision": "x"}, "outcome 0"),
        ({"decision": "x", "score": 1.5}, "<= 1"),
        ({"decision": "x", "score": "1"}, "float"),
        ({"decision": "x", "score": 1, "thumbs": "up"}, "both"),
        ({"decision": "x", "label": "y" * 201}, "200"),
        ({"decision": "x", "score": 1, "odd": 1}, "odd"),
        ({"decision": "x", "score": 1, "name": "two words"}, "name"),
        ({"outcomes": []}, "outcomes"),
        (b'{"decision": "x", "score": 1e999}', "score"),
    ],
)
def test_what_says_no_outcome_is_refused_with_the_reason(bench: Any, app: str, body: Any, word: str) -> None:
    status, told = say(bench, app, body)
    assert status == 400
    assert word in told["error"]["message"]


def test_of_many_the_unknown_ones_are_named_and_the_others_taken(bench: Any, app: str) -> None:
    one = called(bench, app)
    bench.settled(1)
    many = {"outcomes": [{"decision": one, "score": 1}, {"decision": "tw_nobody_1", "score": 1}]}
    assert say(bench, app, many) == (200, {"taken": 1, "unknown": ["tw_nobody_1"]})
    assert say(bench, app, {"decision": "tw_nobody_1", "score": 1})[0] == 404


def test_the_database_refuses_to_change_an_outcome(bench: Any, app: str) -> None:
    say(bench, app, {"decision": called(bench, app), "score": 1})
    with (
        pytest.raises(sa.exc.IntegrityError, match="only appended to"),
        bench.ledger.engine.begin() as connection,
    ):
        connection.execute(sa.text("update outcomes set score = '0'"))
