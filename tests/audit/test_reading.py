"""What a log can be, and what an audit makes of it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from logs import TODAY, audited, pair, write

from tierwise.audit import audit, write_parquet
from tierwise.audit._map import _ends_held
from tierwise.errors import CallerError, ConfigurationError, DamagedLog, NoSuchLog
from tierwise.report import json_bytes


def test_an_empty_log_has_no_calls_and_no_headline(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_bytes(b"")
    findings = audit([tmp_path / "calls.jsonl"], today=TODAY).findings
    assert (findings.calls, findings.headline, findings.could_save) == (0, None, 0)
    assert findings.skipped == {"empty file": 1}


def test_no_log_at_all_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(NoSuchLog, match=r"nowhere\.jsonl"):
        audit([tmp_path / "nowhere.jsonl"])


def test_an_unknown_ladder_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gpt-6"):
        audited(tmp_path, [pair()], ladder="gpt-7")


def damaged(folder: Path) -> Path:
    good = json.dumps(pair(id="a"))
    path = folder / "calls.jsonl"
    path.write_text(f"{good}\n{{broken\n{good.replace('chatcmpl', 'x').replace('200,', '-200,')}\n", "utf-8")
    return path


def test_bad_records_are_counted_by_reason_with_their_place(tmp_path: Path) -> None:
    findings = audit([damaged(tmp_path)], today=TODAY).findings
    assert findings.calls == 1
    assert sum(findings.skipped.values()) == 2
    assert any("calls.jsonl:2:" in place for place in findings.skipped_examples)


def test_strict_stops_at_the_first_and_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(DamagedLog, match=r"calls\.jsonl:2: .*--strict"):
        audit([damaged(tmp_path)], strict=True, today=TODAY)


def test_several_processes_give_the_same_bytes_as_one(tmp_path: Path) -> None:
    for part in range(3):
        lines = [pair(id=f"{part}-{i}", minute=part * 60 + i, user=f"Ticket {i}") for i in range(50)]
        (tmp_path / f"{part}.jsonl.gz").write_bytes(
            gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
        )
    one, two = (audit([tmp_path], processes=n, today=TODAY).findings for n in (1, 2))
    assert one.calls == 150
    assert json_bytes(one) == json_bytes(two)


def test_the_order_of_files_does_not_change_the_money(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [pair(id=f"a{i}", minute=i, user=f"T {i}") for i in range(20)])
    b = write(tmp_path / "b.jsonl", [pair(id=f"b{i}", minute=i + 0.5, user=f"U {i}") for i in range(20)])
    first, second = audit([a, b], today=TODAY).findings, audit([b, a], today=TODAY).findings
    assert first.levers == second.levers
    assert {row.id for row in first.workloads} == {row.id for row in second.workloads}


def test_a_batch_call_is_one_call_from_its_two_files(tmp_path: Path) -> None:
    """Cases 25 and 31: lines in any order, cached tokens at the batch rate of the table."""
    asked = [
        {
            "custom_id": c,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": pair(user=c, model="gpt-5.4")["request"],
        }
        for c in "abc"
    ]
    answered = [
        {
            "id": f"batch_req_{c}",
            "custom_id": c,
            "response": {
                "status_code": 200,
                "request_id": c,
                "body": pair(id=f"chatcmpl-{c}", model="gpt-5.4", input=10_000, cached=8_000, output=0)[
                    "response"
                ],
            },
            "error": None,
        }
        for c in "cab"
    ]
    write(tmp_path / "input.jsonl", asked)
    write(tmp_path / "output.jsonl", answered)
    findings = audit([tmp_path], today=TODAY).findings
    assert findings.calls == 3
    assert findings.spend.total == 3 * Decimal("0.00354")
    assert [group.name for group in findings.lanes] == ["batch"]
    assert len(findings.workloads) == 1


USAGE = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,"
    "service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
    "1795392000,1795478400,2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,proj_a,100,,key_a,gpt-5.5-2026-04-23,False,"
    "default,1000000,100000,400000,600000\n"
    "1795392000,1795478400,2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,proj_b,10,,key_b,gpt-4o-2024-08-06,True,"
    "default,100000,10000,0,100000\n"
)


def test_totals_alone_give_spend_what_ifs_and_say_what_they_cannot(tmp_path: Path) -> None:
    path = tmp_path / "completions_usage_2026-11-23_2026-11-24.csv"
    path.write_text(USAGE, "utf-8")
    findings = audit([path], today=TODAY).findings
    assert not findings.per_call
    assert findings.calls == 110
    top = Decimal("0.6") * 5 + Decimal("0.4") * Decimal("0.5") + Decimal("0.1") * 30
    batch = Decimal("0.1") * Decimal("1.25") + Decimal("0.01") * 5
    assert findings.spend.total == top + batch
    assert {group.name for group in findings.projects} == {"proj_a", "proj_b"}
    assert {group.name for group in findings.lanes} == {"standard", "batch"}
    assert findings.levers["tier"] > 0
    assert findings.levers["lane"] > 0
    assert sum(findings.levers.values(), Decimal(0)) == findings.could_save
    for share in findings.lever_shares:
        if share.lever in {"waste", "tools", "cache"}:
            assert share.needs is not None
            assert "needs per-call records" in share.needs
    assert [end.model for end in findings.shutdowns] == ["gpt-4o"]


ODD_NUMBERS: list[tuple[str, dict[str, Any]]] = [
    ("a cap of -1", {"request": {"max_completion_tokens": -1}}),
    ("a cap beyond any model", {"request": {"max_tokens": 2**40}}),
    ("a score beyond 32 bits", {"scores": {"good": 1e308}}),
    ("a logged cost of a billion", {"cost": 1e9}),
    ("a latency of a century", {"latency_ms": 10**20}),
]


@pytest.mark.parametrize("odd", [n[1] for n in ODD_NUMBERS], ids=[n[0] for n in ODD_NUMBERS])
def test_an_odd_number_beside_the_usage_costs_neither_the_call_nor_the_audit(
    odd: dict[str, Any], tmp_path: Path
) -> None:
    findings = audited(tmp_path, [pair(id="a", input=1000, output=100, **odd)]).findings
    assert (findings.calls, findings.skipped) == (1, {})
    assert findings.spend.total == Decimal("0.008")
    assert findings.spend.logged is None


COSTS = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id\n"
    "1795392000,1795478400,2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,12.345678,usd,"
    '"gpt-5.5-2026-04-23, input",proj_a\n'
    "1795305600,1795392000,2026-11-22T00:00:00+00:00,2026-11-23T00:00:00+00:00,1.5,usd,"
    '"gpt-5.4-2026-03-05, output",proj_b\n'
)


def test_costs_alone_give_what_was_charged_and_claim_no_lever(tmp_path: Path) -> None:
    path = tmp_path / "cost_2026-11-22_2026-11-24.csv"
    path.write_text(COSTS, "utf-8")
    findings = audit([path], today=TODAY).findings
    assert findings.spend.total == findings.spend.charged == Decimal("13.845678")
    assert (findings.start, findings.end) == ("2026-11-22", "2026-11-23")
    assert [row.model for row in findings.models] == [
        "gpt-5.5-2026-04-23, input",
        "gpt-5.4-2026-03-05, output",
    ]
    assert all(share.needs for share in findings.lever_shares)
    assert findings.could_save == 0


def test_an_empty_log_has_no_notes_on_how_numbers_came_about(tmp_path: Path) -> None:
    findings = audited(tmp_path, []).findings
    assert (findings.calls, findings.notes) == (0, ())


def test_half_one_tier_down_is_half_of_all_one_tier_down(tmp_path: Path) -> None:
    path = tmp_path / "completions_usage_x.csv"
    path.write_text(USAGE.rsplit("1795392000", 1)[0], "utf-8")
    tier = next(s for s in audit([path], today=TODAY).findings.lever_shares if s.lever == "tier")
    everything = Decimal("0.6") * Decimal("2.5") + Decimal("0.4") * Decimal("0.25") + Decimal("0.1") * 15
    assert tier.high == everything
    assert tier.saves == everything / 2


def test_totals_beside_calls_are_compared_and_not_added(tmp_path: Path) -> None:
    (tmp_path / "completions_usage_x.csv").write_text(USAGE, "utf-8")
    write(tmp_path / "calls.jsonl", [pair(id="a", input=1000, output=100)])
    findings = audit([tmp_path], today=TODAY).findings
    assert findings.spend.total == Decimal("0.008")
    assert any("compared" in note for note in findings.notes)


def test_parquet_has_one_row_a_call_and_the_same_money(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    found = audited(tmp_path, [pair(id=str(i), minute=i, user=f"T {i}", input=1000 + i) for i in range(20)])
    write_parquet(found, tmp_path / "calls.parquet")
    rows = pq.read_table(tmp_path / "calls.parquet").to_pylist()
    assert len(rows) == 20
    assert sum(row["spend"] for row in rows) == found.findings.spend.total
    assert {row["proposed_model"] for row in rows} == {"gpt-5.4-nano"}
    assert {row["workload"] for row in rows} == {found.findings.workloads[0].id}


def test_parquet_of_totals_is_refused_with_the_remedy(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "completions_usage_x.csv"
    path.write_text(USAGE, "utf-8")
    with pytest.raises(CallerError, match="leave out --parquet"):
        write_parquet(audit([path], today=TODAY), tmp_path / "x.parquet")


def test_the_json_reads_back_as_the_same_findings(tmp_path: Path) -> None:
    from tierwise.audit import Findings

    findings = audited(tmp_path, [pair(id=str(i), minute=i, user=f"T {i}") for i in range(5)]).findings
    assert msgspec.json.decode(json_bytes(findings), type=Findings) == findings


def test_prices_of_the_day_of_the_call_are_used(tmp_path: Path) -> None:
    """gpt-5.6-sol cost 5/30 before 2026-08-21 and 4/20 from then on."""
    before = pair(model="gpt-5.6-sol", input=1000, output=100) | {"started_at": "2026-08-20T12:00:00+00:00"}
    after = pair(id="b", model="gpt-5.6-sol", input=1000, output=100) | {
        "started_at": "2026-08-22T12:00:00+00:00"
    }
    findings = audited(tmp_path, [before, after]).findings
    assert findings.spend.total == Decimal("0.008") + Decimal("0.006")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_being_asked_to_end_is_answered_when_the_workers_have_started(end: signal.Signals) -> None:
    """Whichever thread the signal comes to: a worker that is half started would end with a traceback."""

    class Asked(BaseException):
        pass

    def answer(number: int, _: object) -> None:
        raise Asked

    def start() -> None:
        with _ends_held():
            os.kill(os.getpid(), end)
            time.sleep(0.05)
            done.append("started")

    before, over, done = signal.signal(end, answer), threading.Event(), []
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with pytest.raises(Asked):
            start()
        assert done == ["started"]
        assert signal.getsignal(end) is answer
        assert end not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        over.set()
        other.join()
        signal.signal(end, before)
