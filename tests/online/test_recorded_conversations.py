"""Recorded conversations as sent, with the levers of cache and tools on: a turn begins the next one."""

from __future__ import annotations

import gzip
import json
import pkgutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog
from tierwise.online import Asked, Entry, MemoryRecorder, Pipeline, Reply
from tierwise.policy import Learned, parse_policy
from tierwise.tools import Sent, Unused
from tierwise.workloads import tool_digest

EXCHANGES = Path(__file__).parents[3] / "shared" / "data" / "wire" / "openai_exchanges.jsonl.gz"
KEY = b"k" * 32
PROMPT = ("tools", "instructions", "messages", "input", "text", "response_format")
FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST = msgspec.json.Decoder(list[msgspec.Raw])
USAGE = {"stream_options"}
"""What a stream of Chat Completions is asked for so that its usage is told."""
ENDS = {"chat": "/chat/completions", "responses": "/responses"}
POLICY = """
version = 1
ladder = "gpt-5.4"
%s
[[rule]]
name = "cache and tools"
match = { model = "*" }
cache = { key = true, retention = "auto", order_tools = true, breakpoints = true }
tools = { %s }
stage = "on"
%s
[default]
stage = "off"
"""
THROUGH = 'rung = { model = "gpt-5.4", effort = "low" }\nthrough_responses = true\nunproven = true\napproved_by = "kim"'
PARTS = ("order", "parcel", "refund", "invoice", "address", "voucher", "stock", "claim", "driver", "label")
MORE = [
    f"{verb}_{part}" for part in PARTS for verb in ("find", "change", "close", "print", "archive", "copy")
]
"""Tools that none of the recorded conversations uses: their own lists are too short to be narrowed."""

LEVERS: dict[str, tuple[str, Callable[[Entry], bool]]] = {
    "the cache alone": ("drop_unused = false", lambda entry: entry.decision.plan.caching.key is not None),
    "and unused left out": ("drop_unused = true", lambda entry: bool(entry.decision.plan.drop_tools)),
    "and a search of ours": (
        'drop_unused = true, search = "client"',
        lambda entry: entry.decision.plan.tools.search == "client",
    ),
    "and OpenAI's search": (
        'drop_unused = true, search = "hosted"',
        lambda entry: entry.decision.plan.tools.search == "hosted",
    ),
}


def function(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Lets the back office {name.replace('_', ' ')} once somebody has looked at it.",
        "parameters": {
            "type": "object",
            "properties": {"reference": {"type": "string", "description": "What to do it by."}},
        },
    }


@cache
def recordings(endpoint: str) -> tuple[list[dict[str, Any]], ...]:
    """Exchanges of an endpoint by recording, those with several turns."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in gzip.decompress(EXCHANGES.read_bytes()).splitlines():
        exchange = json.loads(line)
        posted = exchange["method"] == "POST" and exchange["url"].endswith(ENDS[endpoint])
        if posted and isinstance(exchange["request"], dict):
            runs[exchange["recording"]].append(exchange)
    return tuple(run for run in runs.values() if len(run) > 1)


def conversations(endpoint: str, model: str) -> Iterator[list[dict[str, Any]]]:
    """Every such recording, twice: the second time with its tools the other way round."""
    more: list[dict[str, Any]] = [
        {"type": "function", "function": function(name)}
        if endpoint == "chat"
        else {"type": "function", "strict": False, **function(name)}
        for name in MORE
    ]
    for run in recordings(endpoint):
        for turned in (False, True):
            turns = []
            for exchange in run:
                tools = [*exchange["request"].get("tools", ()), *more]
                request = exchange["request"] | {"tools": tools[::-1] if turned else tools, "model": model}
                if endpoint == "responses" and "previous_response_id" not in request:
                    request["store"] = False
                turns.append({**exchange, "request": request})
            yield turns


def parts(body: bytes) -> dict[str, bytes]:
    """What is rendered first to last, each list without its closing bracket."""
    fields = FIELDS.decode(body)
    return {name: bytes(fields[name]).removesuffix(b"]") for name in PROMPT if name in fields}


def prompt(body: bytes) -> bytes:
    return b"\n".join(parts(body).values())


def told_of_tools(entry: Entry) -> set[tuple[str, str | None]]:
    """What the decision says of the list of tools that goes out."""
    return {(c.parameter, c.after) for c in entry.decision.changes if c.parameter.startswith("tools")}


class Sends:
    """Follows turns through one pipeline, and keeps what was asked, what was sent and what was decided."""

    def __init__(self, levers: str, endpoint: str) -> None:
        catalog, self.recorder = Catalog.open(), MemoryRecorder()
        through = (levers, endpoint) == ("and OpenAI's search", "chat")
        more, self.model = (THROUGH, "gpt-5.5") if through else ("", "gpt-5.4")
        policy = parse_policy((POLICY % ("", LEVERS[levers][0], more)).encode(), catalog).policy
        self.pipeline = Pipeline(
            catalog, self.recorder, policy=policy, learned=self._learned(catalog, endpoint), key=KEY
        )

    def _learned(self, catalog: Catalog, endpoint: str) -> Learned:
        """What an audit would say of the added tools."""
        observed = Pipeline(catalog, MemoryRecorder(), key=KEY)
        unused = tuple(
            Unused(tool=Sent(tool_digest(n, KEY), n, 60), sessions=90, risk=0.03) for n in MORE[::2]
        )
        workloads = {
            self.send(observed, turn)[1].facts.workload
            for turns in conversations(endpoint, self.model)
            for turn in turns
        }
        return Learned(unused=dict.fromkeys(workloads, unused))

    def send(self, pipeline: Pipeline, turn: dict[str, Any]) -> tuple[bytes, Entry]:
        body = msgspec.json.encode(turn["request"])
        steps = pipeline.follow(Asked(method="POST", path=turn["url"], body=body))
        out = next(steps)
        try:
            # A stream's recorded text is no reply of the other endpoint.
            said = {} if isinstance(turn["response"], str) and self.model == "gpt-5.5" else turn["response"]
            for _ in range(4):
                steps.send(Reply(status=200, body=msgspec.json.encode(said)))
        except StopIteration:
            return out.body, pipeline.recorder.entries[-1]
        raise AssertionError("a recorded answer asks for no more steps")


def begins(before: tuple[bytes, Entry], after: tuple[bytes, Entry]) -> str:
    """How a turn as sent begins the next one; AssertionError where it does not, and no reason is given.

    Only the list of tools may differ, only where the decision says so, with a reason; a list that is
    searched may only grow at its end.
    """
    if prompt(after[0]).startswith(prompt(before[0])):
        return "the same"
    if before[1].decision.plan.rung.model != after[1].decision.plan.rung.model:
        assert any("lacks" in reason for reason in after[1].decision.reasons)
        return "another model, since the first cannot take the turn"
    old, new = parts(before[0]), parts(after[0])
    assert all(new[name].startswith(text) for name, text in old.items() if name != "tools")
    was, now = before[1].decision, after[1].decision
    assert told_of_tools(before[1]) != told_of_tools(after[1])
    if was.plan.tools.search != now.plan.tools.search:
        assert any("tools" in reason and "dollars" in reason for reason in now.reasons)
        return "another search, since it pays"
    if was.plan.caching.order_tools != now.plan.caching.order_tools:
        assert was.steps[0].tokens.input_total < 1_024, "what was warm is lost"
        return "an order, from the length on from which prompts are cached"
    if now.plan.tools.search == "client":
        assert new["tools"].startswith(old["tools"])
        return "a longer list"
    assert now.plan.tools.search == "hosted", "no lever grows such a list"
    return "tools that were called without a search"


def followed(levers: str, endpoint: str) -> Counter[str]:
    """Pairs of turns by how one begins the next, and calls that the lever touched."""
    sends, counts = Sends(levers, endpoint), Counter[str]()
    for turns in conversations(endpoint, sends.model):
        sent = []
        for turn in turns:
            body, entry = sends.send(sends.pipeline, turn)
            before, after = FIELDS.decode(msgspec.json.encode(turn["request"])), FIELDS.decode(body)
            if not entry.decision.plan.endpoint:
                differing = {name for name in before | after if before.get(name) != after.get(name)}
                listed = {
                    change.parameter.partition(".")[0].partition("[")[0] for change in entry.decision.changes
                }
                assert differing <= listed | USAGE
            counts["touched"] += LEVERS[levers][1](entry)
            counts["ordered"] += entry.decision.plan.caching.order_tools
            sent.append((body, entry))
        for (turn, before_), (next_turn, after_) in pairwise(zip(turns, sent, strict=True)):
            asked, next_asked = (msgspec.json.encode(each["request"]) for each in (turn, next_turn))
            if prompt(next_asked).startswith(prompt(asked)):
                counts[begins(before_, after_)] += 1
    return counts


pytestmark = pytest.mark.skipif(not EXCHANGES.exists(), reason="shared data is absent")


@pytest.mark.parametrize("endpoint", ENDS)
@pytest.mark.parametrize("levers", LEVERS)
def test_a_turn_as_sent_is_the_start_of_the_next_where_the_asked_one_was(levers: str, endpoint: str) -> None:
    counts = followed(levers, endpoint)
    assert counts["touched"] >= 40
    assert sum(counts.values()) - counts["touched"] - counts["ordered"] >= 40
    if (levers, endpoint) != ("and OpenAI's search", "chat"):
        # There the recorded answers, of Chat, hold calls that no search led to: those tools go direct.
        assert counts["the same"] >= 40
        assert counts["ordered"] >= 20


def turning(real: Callable[..., bytes]) -> Callable[..., bytes]:
    """The same, but for every other list of tools, which goes the other way round."""
    calls = iter(range(10**6))

    def turned(*given: Any) -> bytes:
        body = real(*given)
        fields = FIELDS.decode(body)
        if next(calls) % 2 and "tools" in fields:
            fields["tools"] = msgspec.Raw(msgspec.json.encode(LIST.decode(fields["tools"])[::-1]))
        return msgspec.json.encode(fields)

    return turned


def stamping(real: Callable[..., bytes]) -> Callable[..., bytes]:
    """The same, with a number that grows in front of the messages."""
    calls = iter(range(10**6))

    def stamped(*given: Any) -> bytes:
        fields = FIELDS.decode(real(*given))
        items = msgspec.json.encode({"role": "developer", "content": f"call {next(calls)}"})
        fields["messages"] = msgspec.Raw(b"[" + items + b"," + bytes(fields["messages"])[1:])
        return msgspec.json.encode(fields)

    return stamped


MUTATIONS: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("the cache alone", "tierwise.online._shape", "applied", turning),
    ("the cache alone", "tierwise.online._shape", "applied", stamping),
    ("and unused left out", "tierwise.online._shape", "without", turning),
    ("and a search of ours", "tierwise.online._shape", "with_only", turning),
    ("and OpenAI's search", "tierwise.online._hosted.Deferral", "deferred", turning),
]


@pytest.mark.parametrize(
    ("levers", "place", "name", "mutation"), MUTATIONS, ids=[f"{m[2]}, {m[3].__name__}" for m in MUTATIONS]
)
def test_shaping_that_varies_from_turn_to_turn_is_found(
    levers: str, place: str, name: str, mutation: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = pkgutil.resolve_name(place)
    monkeypatch.setattr(owner, name, mutation(getattr(owner, name)))
    with pytest.raises(AssertionError):
        followed(levers, "responses" if name == "deferred" else "chat")
