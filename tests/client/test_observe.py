"""Observing: no call is changed, and what is written holds facts, usage and money but no text."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import openai
import pytest

import tierwise
from tierwise.audit import audit
from tierwise.calls import plan as plan_of
from tierwise.calls import read
from tierwise.errors import ConfigurationError
from tierwise.simulator import Settings

SECRET = "xylophone-4711"
MESSAGES: list[Any] = [
    {"role": "system", "content": f"Classify the ticket. Keep {SECRET} to yourself."},
    {"role": "user", "content": f"My word is {SECRET}."},
]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": SECRET,
        "parameters": {"type": "object", "properties": {}},
    },
}


def calls_in(path: Path) -> list[Any]:
    return [record for unit in plan_of([path]).units for record in read(unit)]


def test_observing_changes_no_byte_of_any_call(bench: Any, tmp_path: Path) -> None:
    bare = bench.bare()
    watched = tierwise.wrap(bare, observe=True, record=tmp_path / "calls.jsonl")
    for client in (bare, watched):
        client.chat.completions.create(model="gpt-5.4", messages=MESSAGES, tools=[TOOL])
        list(client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True))
        client.responses.create(model="gpt-5.4", input=f"Hello {SECRET}", metadata={"session": "s-9"})
        client.models.list()
    seen = [(r.method, r.path, r.body) for r in bench.simulator.received]
    assert seen[:4] == seen[4:]
    headers = [{k: v for k, v in r.headers.items() if k != "host"} for r in bench.simulator.received]
    assert headers[:4] == headers[4:]


def test_a_recorder_file_holds_no_text_and_the_next_audit_reads_it(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    client = tierwise.wrap(bench.bare(), observe=True, record=path, project="support")
    client.chat.completions.create(model="gpt-5.4", messages=MESSAGES, tools=[TOOL], user=SECRET)
    with tierwise.labels(trace="t-1", span="s-1"):
        client.responses.create(model="gpt-5.4", instructions=SECRET, input=SECRET, service_tier="flex")
    client.embeddings.create(model="text-embedding-3-small", input=SECRET)
    assert SECRET not in path.read_text("utf-8")
    assert "look_up" not in path.read_text("utf-8")
    chat, answer, embedded = calls_in(path)
    assert chat.project == "support"
    assert (answer.trace, answer.span) == ("t-1", "s-1")
    assert answer.lane == "flex"
    assert embedded.endpoint == "embeddings"
    found = audit([path]).findings
    assert found.calls == 3
    assert found.counts.spend == bench.simulator.bill_total


def test_the_owner_may_have_names_kept(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    client = tierwise.wrap(bench.bare(), observe=True, record=path, names=True)
    client.chat.completions.create(model="gpt-5.4", messages=MESSAGES, tools=[TOOL])
    assert "look_up" in path.read_text("utf-8")


def test_the_key_is_made_once_and_read_only_by_its_owner(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    for _ in range(2):
        client = tierwise.wrap(bench.bare(), observe=True, record=path)
        client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    key = tmp_path / "calls.jsonl.key"
    assert key.stat().st_mode & 0o077 == 0
    first, second = calls_in(path)
    facts = [json.loads(bytes(call.recorded.facts)) for call in (first, second)]
    assert facts[0]["workload"] == facts[1]["workload"]


def test_a_torn_line_is_ended_before_the_next_one_is_written(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    client = tierwise.wrap(bench.bare(), observe=True, record=path)
    client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    again = tierwise.wrap(bench.bare(), observe=True, record=path)
    again.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    found = calls_in(path)
    assert [type(record).__name__ for record in found] == ["Call", "Skipped", "Call"]


def test_a_stream_that_is_left_is_recorded_with_estimated_tokens(start: Any, tmp_path: Path) -> None:
    bench = start(settings=Settings(seed=1, token_seconds=0.02))
    path = tmp_path / "calls.jsonl"
    client = tierwise.wrap(bench.bare(), observe=True, record=path)
    stream = client.chat.completions.create(
        model="gpt-5.5", messages=[{"role": "user", "content": "Write about birches, at length"}], stream=True
    )
    for number, _ in enumerate(stream):
        if number == 3:
            break
    stream.close()
    (call,) = calls_in(path)
    assert call.status == "abandoned"
    assert call.recorded.estimated
    assert call.tokens.uncached > 0


def test_a_stream_without_usage_is_recorded_with_estimated_tokens(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    client = tierwise.wrap(bench.bare(), observe=True, record=path)
    list(client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True))
    (call,) = calls_in(path)
    assert call.status == "ok"
    assert call.recorded.estimated
    assert call.tokens.output > 0


def test_a_recorder_that_fails_never_breaks_a_call(bench: Any, caplog: Any) -> None:
    class Full:
        def record(self, entry: Any) -> None:
            raise OSError(28, "No space left on device")

    client = tierwise.wrap(bench.bare(), observe=True, record=Full())
    assert client.chat.completions.create(model="gpt-5.5", messages=MESSAGES).choices
    assert "could not be taken down" in caplog.text


def test_a_record_file_that_cannot_be_written_is_refused_before_any_call(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name another"):
        tierwise.wrap(bench.bare(), observe=True, record=tmp_path)


def test_azure_clients_are_observed_and_never_moved(bench: Any, tmp_path: Path) -> None:
    base = bench.simulator.base_url.removesuffix("/v1")
    bare = openai.AzureOpenAI(azure_endpoint=base, api_key="sk-test", api_version="2024-10-21", max_retries=0)
    client = tierwise.wrap(bare, policy=bench.policy())
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="my-deployment", messages=MESSAGES)
    (entry,) = tierwise.recorder(client).entries
    assert entry.decision is None
    client.close()


def test_a_dropped_client_lets_go_of_its_connections(bench: Any, tmp_path: Path) -> None:
    client = tierwise.wrap(bench.bare(), observe=True)
    client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    client.close()
    del client
    gc.collect()
