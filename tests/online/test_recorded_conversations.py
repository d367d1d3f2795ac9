"""Recorded conversations, shaped with every lever of the cache: a turn's prompt stays the start of the next."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog
from tierwise.online import Asked, MemoryRecorder, Pipeline, Reply
from tierwise.policy import parse_policy

EXCHANGES = Path(__file__).parents[3] / "shared" / "data" / "wire" / "openai_exchanges.jsonl.gz"
POLICY = b"""
version = 1
ladder = "gpt-5.4"
[[rule]]
name = "cache"
match = { model = "*" }
cache = { key = true, retention = "auto", order_tools = true, breakpoints = true }
stage = "on"
[default]
stage = "off"
"""
PROMPT = ("tools", "instructions", "messages", "input", "text", "response_format")
FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
USAGE = {"stream_options"}
"""What a stream of Chat Completions is asked for so that its usage is told."""
ENDS = ("/chat/completions", "/responses")


def prompt(body: bytes) -> bytes:
    """What is rendered first to last, each list without its closing bracket."""
    fields = FIELDS.decode(body)
    return b"\n".join(bytes(fields[name]).removesuffix(b"]") for name in PROMPT if name in fields)


@pytest.mark.skipif(not EXCHANGES.exists(), reason="shared data is absent")
def test_a_shaped_turn_is_the_start_of_the_next_where_the_asked_one_was() -> None:
    catalog = Catalog.open()
    policy = parse_policy(POLICY, catalog).policy
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in gzip.decompress(EXCHANGES.read_bytes()).splitlines():
        exchange = json.loads(line)
        if (
            exchange["method"] == "POST"
            and exchange["url"].endswith(ENDS)
            and isinstance(exchange["request"], dict)
        ):
            runs[exchange["recording"]].append(exchange)
    pairs = shaped = 0
    for run in runs.values():
        recorder = MemoryRecorder()
        pipeline = Pipeline(catalog, recorder, policy=policy, key=b"k" * 32)
        sent = []
        for exchange in run:
            body = msgspec.json.encode(exchange["request"])
            steps = pipeline.follow(Asked(method="POST", path=exchange["url"], body=body))
            out = next(steps)
            with pytest.raises(StopIteration):
                steps.send(Reply(status=200, body=msgspec.json.encode(exchange["response"])))
            before, after = FIELDS.decode(body), FIELDS.decode(out.body)
            differing = {name for name in before | after if before.get(name) != after.get(name)}
            listed = {change.parameter.partition(".")[0] for change in recorder.entries[-1].decision.changes}
            assert differing <= listed | USAGE
            shaped += bool(differing)
            sent.append((body, out.body))
        for (asked, out_), (next_asked, next_out) in pairwise(sent):
            if prompt(next_asked).startswith(prompt(asked)):
                pairs += 1
                assert prompt(next_out).startswith(prompt(out_))
    assert pairs >= 20
    assert shaped >= 1
