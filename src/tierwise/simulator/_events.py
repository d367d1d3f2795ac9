"""A finished response as the stream of events that leads to it, in the recorded order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tierwise.simulator._ask import Json
from tierwise.simulator._draw import Dice
from tierwise.simulator._tokens import Tokenizer


class EventWriter:
    """Writes Responses events."""

    def __init__(self, dice: Dice, tokenizer: Tokenizer) -> None:
        self._dice = dice
        self._tokenizer = tokenizer

    def events(self, opened: Mapping[str, Any], final: Mapping[str, Any], *, obfuscate: bool) -> list[Json]:
        """All events, numbered from 0."""
        found: list[Json] = [
            {"type": "response.created", "response": opened},
            {"type": "response.in_progress", "response": opened},
        ]
        for index, item in enumerate(final["output"]):
            found += self._item(item, index)
        ended = {k: v for k, v in final.items() if k != "billing"}
        found.append({"type": f"response.{final['status']}", "response": ended})
        for number, event in enumerate(found):
            if obfuscate and event["type"].endswith(".delta"):
                event["obfuscation"] = self._dice.letters(4 + number % 12, "pad", number)
            event["sequence_number"] = number
        return found

    def _item(self, item: Json, index: int) -> Iterator[Json]:
        place = {"output_index": index}
        yield {"type": "response.output_item.added", "item": _empty(item), **place}
        inner = place | {"item_id": item["id"]}
        if item["type"] == "message":
            yield from self._message(item, inner)
        elif item["type"] == "function_call":
            yield from self._text("function_call_arguments", "arguments", item["arguments"], inner)
        elif item["type"] == "custom_tool_call":
            yield from self._text("custom_tool_call_input", "input", item["input"], inner)
        elif item["type"] == "web_search_call":
            for stage in ("in_progress", "searching", "completed"):
                yield {"type": f"response.web_search_call.{stage}", **inner}
        elif item["type"] == "reasoning":
            for at, part in enumerate(item["summary"]):
                yield from self._summary(part, inner | {"summary_index": at})
        yield {"type": "response.output_item.done", "item": item, **place}

    def _text(self, name: str, field: str, text: str, inner: Json) -> Iterator[Json]:
        for piece in self._tokenizer.pieces(text):
            yield {"type": f"response.{name}.delta", "delta": piece, **inner}
        yield {"type": f"response.{name}.done", field: text, **inner}

    def _summary(self, part: Json, inner: Json) -> Iterator[Json]:
        yield {"type": "response.reasoning_summary_part.added", "part": part | {"text": ""}, **inner}
        yield from self._text("reasoning_summary_text", "text", part["text"], inner)
        yield {"type": "response.reasoning_summary_part.done", "part": part, **inner}

    def _message(self, item: Json, inner: Json) -> Iterator[Json]:
        for at, part in enumerate(item["content"]):
            place = inner | {"content_index": at}
            each = part["logprobs"]
            empty = part | {"text": "", "logprobs": []}
            yield {"type": "response.content_part.added", "part": empty, **place}
            for number, piece in enumerate(self._tokenizer.pieces(part["text"])):
                logprobs = [each[number]] if each else []
                yield {"type": "response.output_text.delta", "delta": piece, "logprobs": logprobs, **place}
            yield {"type": "response.output_text.done", "text": part["text"], "logprobs": each, **place}
            yield {"type": "response.content_part.done", "part": part, **place}


def _empty(item: Json) -> Json:
    """The item as it is first announced. Search results come whole, as recorded."""
    empties: dict[str, Json] = {
        "message": {"content": []},
        "function_call": {"arguments": ""},
        "custom_tool_call": {"input": ""},
        "tool_search_call": {"arguments": {}},
        "reasoning": {"summary": []},
    }
    found = item | empties.get(item["type"], {})
    if "status" in item:
        found["status"] = "in_progress"
    return found
