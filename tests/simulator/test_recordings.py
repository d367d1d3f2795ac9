"""The simulator held to recorded exchanges: same request, same keys, types, event order, errors, headers.

Each recording is played step by step against a simulator that was taught the recorded answer. What
differs is named in DIFFERENCES with the reason; anything else fails. A key that we send and the
recording lacks passes only if another recording of the same kind has it (the API grew meanwhile).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tierwise.simulator import Settings, Simulator, ToolUse

DIFFERENCES = {
    r"missing .*output\[(code_interpreter|image_generation|mcp)_call\]": "these hosted tools are not simulated",
    r"missing .*output\[mcp_list_tools\]": "remote tools are not simulated",
    r"missing .*annotations\[\w+\]": "annotations are not simulated",
    r"missing .*tools\[image_generation\]\.n": "defaults of tools that are not simulated are not filled in",
    r"missing .*\.moderation": "the moderation option is accepted and not answered",
    r"missing .*reasoning\.generate_summary": "gone from the API since 2025",
    r"missing responses\.(status_details|tool_calls|total_tokens)": "a damaged recording, hand-made in form",
    r"missing .*output\[message\]": "a taught call has no commentary before it",
    r"missing .*output\[tool_search_call\]": "what the caller's own search is asked cannot be taught",
    r"extra .*output\[message\]": "as above: text instead of the caller's search",
    r"extra .*output\[reasoning\]": "when a model thinks differs; the form of the item is compared elsewhere",
    r"extra .*part\.logprobs\[\]": "a recording that leaves them out at the end of the stream",
    r"missing .*web_search_call\]\.action\.url": "pages are searched for, not opened",
    r"extra .*tools\[image_generation\]\.(input_fidelity|partial_images)": "repeated as they came",
}  # fmt: skip
"""Kind and place of a difference, as a regular expression, and why it is accepted."""


NOT_SERVED = ("o3-mini", "o1-mini", "gpt-5-pro", "gpt-4.5-preview", "gpt-4o-audio-preview")
"""Models that have been shut down, or that the facts at hand do not price."""

RECORDED = Path(__file__).parents[2] / "../shared/data/wire/openai_exchanges.jsonl.gz"

Difference = tuple[str, str]
"""Kind ('missing', 'extra' or 'type') and place, lists flattened: ('missing', '$.usage.cached')."""
FREE = ("arguments", "parameters", "schema", "metadata", "properties")
"""Places whose insides are the caller's, not the API's."""


def exchanges() -> list[dict[str, Any]]:
    with gzip.open(RECORDED, "rt") as lines:
        return [json.loads(line) for line in lines]


def kind(value: Any) -> str:
    names = (
        (bool, "bool"),
        (int, "number"),
        (float, "number"),
        (str, "string"),
        (list, "list"),
        (dict, "object"),
    )
    return next((name for each, name in names if isinstance(value, each)), "null")


def differences(recorded: Any, ours: Any, place: str = "$") -> Iterator[Difference]:
    """What differs in form; null fits anything, and items of a list are compared by their `type`."""
    if recorded is None or ours is None:
        return
    if kind(recorded) != kind(ours):
        yield ("type", place)
    elif isinstance(recorded, dict):
        if place.rsplit(".", maxsplit=1)[-1] in FREE:
            return
        for name in sorted(recorded.keys() | ours.keys()):
            if name not in ours:
                yield ("missing", f"{place}.{name}")
            elif name not in recorded:
                yield ("extra", f"{place}.{name}")
            else:
                yield from differences(recorded[name], ours[name], f"{place}.{name}")
    elif isinstance(recorded, list):
        yield from listed(recorded, ours, place)


def listed(recorded: list[Any], ours: list[Any], place: str) -> Iterator[Difference]:
    theirs = {item.get("type", "") if isinstance(item, dict) else "": item for item in recorded}
    own = {item.get("type", "") if isinstance(item, dict) else "": item for item in ours}
    for name in sorted(theirs.keys() & own.keys()):
        yield from differences(theirs[name], own[name], f"{place}[{name}]" if name else f"{place}[]")
    for name in sorted(theirs.keys() - own.keys()):
        yield ("missing", f"{place}[{name}]")
    for name in sorted(own.keys() - theirs.keys()):
        yield ("extra", f"{place}[{name}]")


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream; the end mark is {'type': '[DONE]'}."""
    found = []
    for line in text.splitlines():
        if line.startswith("data: "):
            data = line[6:]
            found.append({"type": "[DONE]"} if data == "[DONE]" else json.loads(data))
    return found


def order(stream: list[dict[str, Any]]) -> list[str]:
    """Names of events in order, repeats taken together."""
    found: list[str] = []
    for event in stream:
        name = event.get("type") or chunk_name(event)
        if not found or found[-1] != name:
            found.append(name)
    return found


def chunk_name(chunk: dict[str, Any]) -> str:
    """What a chat chunk carries."""
    if not chunk.get("choices"):
        return "usage" if chunk.get("usage") else "empty"
    choice = chunk["choices"][0]
    if choice.get("finish_reason"):
        return "finish"
    calls = choice["delta"].get("tool_calls")
    opened = calls and calls[0].get("id")
    role = "role+" if "role" in choice["delta"] else ""
    return role + ("call" if opened else "arguments" if calls else "content")


Played = dict[str, Any]


def steps() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for exchange in exchanges():
        if not exchange["url"].startswith("/v1/realtime"):
            found.setdefault(exchange["recording"], []).append(exchange)
    return found


def taught(recorded: Any) -> str | ToolUse | tuple[ToolUse, ...]:
    """The recorded answer, to be given again."""
    if isinstance(recorded, str):
        recorded = joined(events(recorded))
    if "choices" in recorded:
        message = recorded["choices"][0]["message"]
        calls = [call["function"] for call in message.get("tool_calls") or []]
        return (
            tuple(ToolUse(c["name"], json.loads(c["arguments"])) for c in calls) or message["content"] or ""
        )
    output = recorded.get("output", [])
    if any(item["type"] == "web_search_call" for item in output):
        return ToolUse("web_search", {"query": "anything"})
    calls = [item for item in output if item["type"] == "function_call"]
    if calls:
        return tuple(ToolUse(c["name"], json.loads(c["arguments"])) for c in calls)
    messages = [item for item in output if item["type"] == "message"]
    return "".join(part.get("text", "") for item in messages for part in item["content"])


def joined(stream: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream's answer as one body."""
    for event in stream:
        if event.get("type") == "response.completed":
            return event["response"]
    text, calls = "", {}
    for chunk in (c for c in stream if c.get("choices")):
        delta = chunk["choices"][0]["delta"]
        text += delta.get("content") or ""
        for call in delta.get("tool_calls") or []:
            made = calls.setdefault(call["index"], {"function": {"name": "", "arguments": ""}})["function"]
            made["name"] += call["function"].get("name") or ""
            made["arguments"] += call["function"].get("arguments") or ""
    return {"choices": [{"message": {"content": text, "tool_calls": list(calls.values())}}]}


async def play(recording: list[dict[str, Any]], played: list[Played]) -> None:
    """One recording against one simulator, ids of earlier answers put in place of the recorded ones."""
    import aiohttp

    now = [1_785_000_000.0]
    ids: dict[str, str] = {}
    simulator = Simulator(Settings(seed=1, obfuscation=True), clock=lambda: now[0])
    async with simulator, aiohttp.ClientSession(headers={"authorization": "Bearer sk-test"}) as session:
        for exchange in recording:
            simulator.forget()
            if exchange["status"] == 200 and (isinstance(exchange["response"], str) or exchange["response"]):
                simulator.teach(lambda _: True, taught(finished(exchange, recording)), "")
            pending = isinstance(exchange["response"], dict) and exchange["response"].get("status") in {
                "queued",
                "in_progress",
            }
            now[0] += 0.1 if pending else 10
            url = replaced(exchange["url"], ids)
            request = exchange["request"]
            options: dict[str, Any] = {"json": json.loads(replaced(json.dumps(request), ids))}
            if isinstance(request, str):
                options = upload(request) if request else {}
            async with session.request(exchange["method"], simulator.base_url + url[3:], **options) as answer:
                text = await answer.text()
            ours: Any = text if isinstance(exchange["response"], str) else json.loads(text)
            played.append(
                exchange | {"ours": ours, "our_status": answer.status, "our_headers": dict(answer.headers)}
            )
            remember(exchange["response"], ours, ids)


def finished(exchange: dict[str, Any], recording: list[dict[str, Any]]) -> Any:
    """The answer, for background work as it is once done."""
    answer = exchange["response"]
    if isinstance(answer, str):
        return answer
    later = [e["response"] for e in recording if isinstance(e["response"], dict)]
    return next((r for r in later if r.get("output") and r.get("id") == answer.get("id")), answer)


def replaced(text: str, ids: dict[str, str]) -> str:
    for theirs, ours in ids.items():
        text = text.replace(theirs, ours)
    return text


def upload(form: str) -> dict[str, Any]:
    boundary = form.split("\r\n", 1)[0][2:]
    return {"data": form.encode(), "headers": {"content-type": f"multipart/form-data; boundary={boundary}"}}


def remember(recorded: Any, ours: Any, ids: dict[str, str]) -> None:
    if isinstance(recorded, str):
        if not recorded.startswith("event:"):
            return
        recorded, ours = joined(events(recorded)), joined(events(ours))
    if "id" in recorded and "id" in ours:
        ids[recorded["id"]] = ours["id"]
    calls = [
        [i["call_id"] for i in b.get("output", []) if i["type"] == "function_call"] for b in (recorded, ours)
    ]
    ids.update(zip(*calls, strict=False))


@pytest.fixture(scope="module")
def played() -> list[Played]:
    if not RECORDED.exists():
        pytest.skip("shared data is absent")
    found: list[Played] = []

    async def everything() -> None:
        for recording in steps().values():
            await play(recording, found)

    asyncio.run(everything())
    return found


def name(exchange: Played) -> str:
    return f"{exchange['recording']} step {exchange['step']}"


def served(played: list[Played]) -> list[Played]:
    return [e for e in played if e["status"] == e["our_status"] == 200]


def compared(exchange: Played) -> Iterator[Difference]:
    if isinstance(exchange["response"], str):
        theirs = {e.get("type") or chunk_name(e): e for e in events(exchange["response"])}
        ours = {e.get("type") or chunk_name(e): e for e in events(exchange["ours"])}
        for kind in sorted(theirs.keys() & ours.keys()):
            yield from differences(theirs[kind], ours[kind], f"stream {kind}")
    else:
        yield from differences(exchange["response"], exchange["ours"], exchange["url"].split("/")[2])


def keys(value: Any, place: str) -> Iterator[str]:
    """Every place in a recording, so that we know which keys the API has by now."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{place}.{key}"
            yield from keys(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for item in value:
            kind = item.get("type", "") if isinstance(item, dict) else ""
            yield from keys(item, f"{place}[{kind}]" if kind else f"{place}[]")


def seen(played: list[Played]) -> set[str]:
    found: set[str] = set()
    for exchange in played:
        if isinstance(exchange["response"], str):
            for event in events(exchange["response"]):
                found |= set(keys(event, f"stream {event.get('type') or chunk_name(event)}"))
        else:
            found |= set(keys(exchange["response"], exchange["url"].split("/")[2]))
    # What a response has, the response inside an event has, too.
    inside = {f"stream response.{e}.response{k[9:]}" for k in found if k.startswith("responses") for e in ("created", "in_progress", "completed")}  # fmt: skip
    return found | inside


def test_statuses_are_the_recorded_ones_but_for_models_that_are_gone(played: list[Played]) -> None:
    wrong = {
        name(e): (e["status"], e["our_status"], str(e["ours"])[:300])
        for e in played
        if e["status"] != e["our_status"] and (e["request"] or {}).get("model") not in NOT_SERVED
    }
    assert wrong == {}
    assert len(played) == 318
    assert len(served(played)) >= 300


def test_bodies_and_events_have_the_recorded_keys_and_types(played: list[Played]) -> None:
    known = seen(played)
    found: Counter[str] = Counter()
    where: dict[str, str] = {}
    for exchange in served(played):
        for kind, place in compared(exchange):
            if kind == "extra" and place in known:
                continue
            difference = f"{kind} {place}"
            if not any(re.search(pattern, difference) for pattern in DIFFERENCES):
                found[difference] += 1
                where.setdefault(difference, name(exchange))
    assert {d: (n, where[d]) for d, n in found.items()} == {}


def test_every_named_difference_is_there(played: list[Played]) -> None:
    """A reason that no longer applies leaves the table."""
    found = {f"{kind} {place}" for exchange in served(played) for kind, place in compared(exchange)}
    idle = [pattern for pattern in DIFFERENCES if not any(re.search(pattern, d) for d in found)]
    assert idle == []


def test_streams_come_in_the_recorded_order(played: list[Played]) -> None:
    wrong = {}
    for exchange in served(played):
        if not isinstance(exchange["response"], str):
            continue
        theirs, ours = order(events(exchange["response"])), order(events(exchange["ours"]))
        if theirs != ours and not excused(exchange, theirs, ours):
            wrong[name(exchange)] = (theirs, ours)
    assert wrong == {}
    assert sum(isinstance(e["response"], str) for e in served(played)) >= 35


def excused(exchange: Played, theirs: list[str], ours: list[str]) -> bool:
    without = [kind for kind in theirs if "code_interpreter" not in kind and "annotation" not in kind]
    whole = exchange["response"]
    thinks = '"type":"reasoning"' in whole and '"type":"reasoning"' in exchange["ours"]
    return (
        theirs[:4] + theirs[5:] == ours  # the moderation chunk
        or "response.code_interpreter_call.completed" in theirs
        or '"phase":"commentary"' in whole
        or (not thinks and set(without) == set(ours))
    )


@pytest.mark.parametrize("field", ["type", "param", "code"])
def test_errors_have_the_recorded_body(played: list[Played], field: str) -> None:
    errors = [e for e in played if e["status"] >= 400 and (e["request"] or {}).get("model") not in NOT_SERVED]
    assert len(errors) == 6
    for exchange in errors:
        assert set(exchange["ours"]["error"]) == set(exchange["response"]["error"])
        assert exchange["ours"]["error"][field] == exchange["response"]["error"][field], name(exchange)
        theirs, ours = exchange["response"]["error"]["message"], exchange["ours"]["error"]["message"]
        assert theirs.startswith(ours), name(exchange)


def test_headers_are_those_recorded(played: list[Played]) -> None:
    for exchange in played:
        ours = {k.lower(): v for k, v in exchange["our_headers"].items()}
        if exchange["status"] != exchange["our_status"]:
            continue
        assert set(exchange["headers"]) <= set(ours), name(exchange)
        assert ours["content-type"] == exchange["headers"]["content-type"][0], name(exchange)
        if "openai-version" in exchange["headers"]:
            assert ours["openai-version"] == exchange["headers"]["openai-version"][0]


def used(body: Any) -> int | None:
    usage = body.get("usage") if isinstance(body, dict) else None
    return (usage or {}).get("input_tokens", (usage or {}).get("prompt_tokens")) if usage else None


def test_input_tokens_are_the_recorded_ones(played: list[Played]) -> None:
    """Exact for plain messages; within a third with tools or schemas, whose hidden text is not published."""
    exact = near = 0
    far = {}
    for exchange in served(played):
        theirs, ours = used(exchange["response"]), used(exchange["ours"])
        request = exchange["request"]
        if theirs is None or ours is None or not exchange["url"].endswith(("completions", "responses")):
            continue
        text = name(exchange) + json.dumps(request)
        if re.search(
            r"web_search|code_interpreter|image_|mcp|input_file|encrypted|audio|previous_resp|file_id|document",
            text,
        ):
            continue
        plain = not re.search(r'"tools"|json_schema|tool_calls|json_object', text)
        exact += plain and ours == theirs
        near += not plain and abs(ours - theirs) <= theirs / 3
        if (plain and ours != theirs) or (not plain and abs(ours - theirs) > theirs / 3):
            far[name(exchange)] = (theirs, ours)
    assert exact >= 25
    assert near >= 50
    assert len(far) <= 4, far
