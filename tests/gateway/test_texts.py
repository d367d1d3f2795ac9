"""A gateway whose policy has text kept: clean wherever it is written, one log for the audit, nothing elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tierwise.calls import encode_recorded
from tierwise.catalog import Catalog
from tierwise.cli import main
from tierwise.gateway._aside import aside
from tierwise.gateway._housekeeping import TURN, Housekeeping
from tierwise.ledger import Opened, Spool, lines_with_text
from tierwise.online import Asked, MemoryRecorder, Pipeline, Reply
from tierwise.online._redact import Redactor
from tierwise.policy import Keep

KEEP = '[keep]\ntext = "all"\nretention = 30\n'
CARD, NAME = "4111 1111 1111 1111", "Mr. Featherstonehaugh"
ASK: Any = {
    "model": "gpt-5.5",
    "messages": [
        {"role": "system", "content": "Classify the ticket as one of: billing, shipping, other."},
        {"role": "user", "content": f"{NAME} paid twice by {CARD}. \u4f60\u597d"},
    ],
}


def keeping(bench: Any, text: str = KEEP) -> None:
    path = bench.folder / "tierwise.toml"
    path.write_text(path.read_text("utf-8").replace("[default]", text + "[default]"), "utf-8")
    end = time.monotonic() + 5
    while not isinstance(bench.running.serving.pipeline.policy.keep, Keep):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def exported(bench: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_with_text(bench.ledger.engine)]


def written(folder: Path) -> bytes:
    return b"".join(
        path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml"
    )


def test_by_default_no_text_is_kept(bench: Any) -> None:
    bench.client().chat.completions.create(**ASK)
    bench.settled(1)
    assert [line.get("text") for line in exported(bench)] == [None]
    assert NAME.encode() not in written(bench.folder)


def test_text_is_kept_clean_and_is_in_no_log(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    keeping(bench)
    client = bench.client()
    with caplog.at_level(logging.DEBUG, "tierwise"):
        reply = client.chat.completions.create(**ASK)
        streamed = "".join(
            event.choices[0].delta.content or ""
            for event in client.chat.completions.create(**ASK, stream=True)
            if event.choices
        )
        bench.settled(2)
    one, two = (line["text"] for line in exported(bench))
    assert one["request"]["messages"][1]["content"] == f"{NAME} paid twice by [redacted:card]. \u4f60\u597d"
    assert one["reply"]["choices"][0]["message"]["content"] == reply.choices[0].message.content
    assert two["reply"]["choices"][0]["message"]["content"] == streamed
    assert CARD.encode() not in written(bench.folder)
    assert NAME not in caplog.text
    assert all(b'"text"' not in line for line in bench.ledger.lines())


def test_an_audit_reads_the_export_as_a_full_log_to_the_same_money(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeping(bench)
    client = bench.client()
    for number in range(3):
        client.responses.create(model="gpt-5.5", instructions="Answer shortly.", input=f"Why {number}?")
    bench.settled(3)
    found = {}
    for name, more in (("plain", []), ("full", ["--text"])):
        log, out = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.json"
        assert main(["ledger", "export", *more, "-o", str(log), "--ledger", bench.options.ledger]) == 0
        assert main(["audit", str(log), "--json", str(out), "-q"]) == 0
        found[name] = json.loads(out.read_text("utf-8"))
    capsys.readouterr()
    assert (tmp_path / "full.jsonl").stat().st_mode & 0o077 == 0
    assert b"Why 1?" in (tmp_path / "full.jsonl").read_bytes()
    assert b"Why 1?" not in (tmp_path / "plain.jsonl").read_bytes()
    assert found["full"]["spend"] == found["plain"]["spend"]
    assert [w["id"] for w in found["full"]["workloads"]] == [w["id"] for w in found["plain"]["workloads"]]


def test_prompts_alone_still_tell_an_audit_what_the_replies_cost(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeping(bench, KEEP.replace("all", "prompts"))
    bench.client().chat.completions.create(**ASK)
    bench.settled(1)
    (line,) = exported(bench)
    assert set(line["text"]) == {"request"}
    log, out = tmp_path / "log.jsonl", tmp_path / "audit.json"
    log.write_text(json.dumps(line) + "\n")
    assert main(["audit", str(log), "--json", str(out), "-q"]) == 0
    capsys.readouterr()
    assert Decimal(str(json.loads(out.read_text("utf-8"))["spend"]["total"])) == bench.simulator.bill_total


def test_text_of_workloads_that_are_not_named_is_not_kept(bench: Any) -> None:
    keeping(bench, '[keep]\ntext = "prompts"\nretention = 1\nworkloads = ["00000000000000a1"]\n')
    client = bench.client()
    client.chat.completions.create(**ASK)
    bench.settled(1)
    assert [line.get("text") for line in exported(bench)] == [None]


def test_text_is_forgotten_on_demand(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    keeping(bench)
    bench.client(bench.key(project="shop")).chat.completions.create(**ASK)
    bench.settled(1)
    where = ["--ledger", bench.options.ledger]
    assert main(["ledger", "forget", *where]) == 1
    assert main(["ledger", "forget", "--project", "shop", *where]) == 0
    assert main(["ledger", "purge", *where]) == 0
    assert "deleted the text of 1 calls" in capsys.readouterr().out
    assert [line.get("text") for line in exported(bench)] == [None]
    assert any("project shop forgotten: 1 calls" in what for _, _, what in bench.ledger.notes())
    assert bench.ledger.totals()[0].calls == 1


def test_text_past_its_time_goes_by_itself_and_the_spool_lets_go_of_its_file(
    bench: Any, tmp_path: Path
) -> None:
    keeping(bench)
    bench.client().chat.completions.create(**ASK)
    bench.settled(1)
    with bench.ledger.engine.begin() as connection:
        connection.execute(sa.text("update texts set until = 1"))
    spool = Spool(tmp_path / "apart")
    before = spool.path
    spool.append(Opened(id="x", at=1))
    housekeeping = Housekeeping(bench.running.serving.pipeline, bench.ledger, spool)
    housekeeping.tend(0)
    with bench.ledger.engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from texts")).scalar() == 0
    assert spool.path != before
    after = spool.path
    spool.append(Opened(id="y", at=1))
    housekeeping.tend(TURN - 1)
    assert spool.path == after
    spool.close()


def test_without_a_gateway_nothing_is_kept(bench: Any) -> None:
    keeping(bench)
    policy, recorder = bench.running.serving.pipeline.policy, MemoryRecorder()
    pipeline = Pipeline(Catalog.open(), recorder, policy=policy)
    body = json.dumps(ASK).encode()
    steps = pipeline.follow(Asked(method="POST", path="/v1/chat/completions", body=body))
    next(steps)
    reply = b'{"id":"x","object":"chat.completion","model":"gpt-5.5","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}'
    with pytest.raises(StopIteration):
        steps.send(Reply(status=200, body=reply))
    (entry,) = recorder.entries
    assert NAME.encode() not in encode_recorded(entry.line)
    assert NAME not in repr(entry)


def test_a_body_of_ten_megabytes_is_answered_and_recorded(bench: Any) -> None:
    keeping(bench)
    image = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUg" * 450_000
    parts = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": image}]
    bench.client().responses.create(model="gpt-5.5", input=[{"role": "user", "content": parts}])
    bench.settled(1)
    (line,) = exported(bench)
    assert (
        line["text"]["request"]["input"][0]["content"][1]["image_url"]
        == f"[left out: {len(image)} characters]"
    )


@pytest.mark.parametrize("stream", [False, True])
def test_a_long_text_is_made_clean_beside_the_other_calls(
    bench: Any, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a text is made clean, and that it is, however long it is and however its reply comes."""
    keeping(bench)
    threads: list[str] = []
    body = Redactor.body

    def noted(self: Redactor, text: bytes) -> bytes:
        threads.append(threading.current_thread().name)
        return body(self, text)

    monkeypatch.setattr(Redactor, "body", noted)
    long = {**ASK, "messages": [*ASK["messages"], {"role": "user", "content": f"{CARD}. " * 1_000}]}
    client = bench.client()
    for ask in (ASK, long):
        answer = client.chat.completions.create(**ask, stream=stream)
        assert not stream or [event for event in answer if event.choices]
    bench.settled(2)
    assert len({threads[0], threads[1]}) == 1
    assert threads[0] not in threads[2:]
    assert len(threads) == 4
    kept = exported(bench)[1]["text"]["request"]["messages"]
    assert kept[2]["content"] == "[redacted:card]. " * 1_000
    assert CARD.encode() not in written(bench.folder)


def test_a_step_beside_is_waited_for_where_its_caller_has_left() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        may_end.wait(5)
        ended.set()

    async def leave() -> None:
        waiting = asyncio.create_task(aside(step))
        await asyncio.to_thread(begun.wait, 5)
        waiting.cancel()
        await asyncio.sleep(0.01)
        assert not waiting.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(leave())
    assert ended.is_set()
