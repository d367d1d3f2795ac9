"""Output items of a stream that only we asked for, taken out of it: what is left counts as if they never were.

Indexes and sequence numbers stay without gaps, and an answer that ends in nothing but hidden calls ends
as one of words does. An event that is not touched keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tierwise.online._hosted import hides_search
from tierwise.online._search import is_search
from tierwise.online._values import Admitted, Routed
from tierwise.upstream import Event

_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DONE: Final = b"[DONE]"
Hides = Callable[[Mapping[str, Any]], bool]
"""Whether an output item is not the caller's to see; calls of Chat come with `type` and `name` of Responses."""


class Hide:
    """Takes hidden items out of the events of one stream, of either endpoint.

    Args:
        hides: Which items.
        tools: The caller's own tools, as JSON, where a reply repeats what it was sent; b'' where it does not.
        bare: Whether calls lose the namespace that only we put their tool in.
    """

    def __init__(self, hides: Hides, tools: bytes = b"", *, bare: bool = False) -> None:
        self._hides = hides
        self._bare = bare
        self._tools = msgspec.Raw(tools)
        self._hidden: set[int] = set()
        """Indexes as upstream counts: of output items, or of a choice's calls times 1,000 with its own."""
        self._shown: set[int] = set()
        self._dropped = 0
        """Events left out, which carried a sequence number each."""

    def whole(self, body: bytes) -> bytes:
        """A reply that is not streamed, as the caller gets it."""
        try:
            said = msgspec.json.decode(body)
        except _BROKEN:
            return body
        if not isinstance(said, dict):
            return body
        before = msgspec.json.encode(said)
        if isinstance(said.get("output"), list):
            self._response(said)
        for choice in said["choices"] if isinstance(said.get("choices"), list) else ():
            message = choice.get("message") if isinstance(choice, dict) else None
            calls = message.get("tool_calls") if isinstance(message, dict) else None
            if isinstance(message, dict) and isinstance(calls, list):
                kept = [call for call in calls if not self._hides(_as_item(call))]
                if not kept:
                    del message["tool_calls"]
                    choice["finish_reason"] = "stop"
                elif len(kept) < len(calls):
                    message["tool_calls"] = kept
        after = msgspec.json.encode(said)
        return body if after == before else after

    def feed(self, event: Event) -> Event | None:
        """The event as the caller gets it; None for one that is left out."""
        data = event.data
        if not data or data == _DONE or not (self._hidden or self._dropped or _may_hide(data)):
            return event
        try:
            said = msgspec.json.decode(data)
        except _BROKEN:
            return event
        if not isinstance(said, dict):
            return event
        before = msgspec.json.encode(said)
        kept = self._chat(said) if isinstance(said.get("choices"), list) else self._responses(said)
        if kept is None:
            return None
        after = msgspec.json.encode(kept)
        if after == before:
            return event
        name = event.name
        head = f"event: {name}\n".encode() if name else b""
        return Event(head + b"data: " + after + b"\n\n")

    def _chat(self, said: dict[str, Any]) -> dict[str, Any] | None:
        """One chunk."""
        emptied = False
        for at, choice in enumerate(said["choices"]):
            if not isinstance(choice, dict):
                continue
            of = choice["index"] * 1_000 if isinstance(choice.get("index"), int) else at * 1_000
            delta = choice.get("delta")
            calls = delta.get("tool_calls") if isinstance(delta, dict) else None
            if isinstance(delta, dict) and isinstance(calls, list):
                kept = [call for call in calls if self._keeps(call, of)]
                if kept:
                    delta["tool_calls"] = kept
                else:
                    del delta["tool_calls"]
                    emptied = not (delta.get("content") or choice.get("finish_reason"))
            if choice.get("finish_reason") == "tool_calls" and not any(
                n // 1_000 * 1_000 == of for n in self._shown
            ):
                choice["finish_reason"] = "stop"
        return None if emptied and len(said["choices"]) == 1 and not said.get("usage") else said

    def _keeps(self, call: Any, of: int) -> bool:
        """Whether a piece of a call is shown; its index is then the caller's."""
        if not isinstance(call, dict) or not isinstance(call.get("index"), int):
            return True
        number = of + call["index"]
        function = call.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if name and number not in self._hidden and number not in self._shown:
            hidden = self._hides({"type": "function_call", "name": name})
            (self._hidden if hidden else self._shown).add(number)
        if number in self._hidden:
            return False
        call["index"] -= sum(of <= other < number for other in self._hidden)
        return True

    def _responses(self, said: dict[str, Any]) -> dict[str, Any] | None:
        """One event."""
        index, item, response = said.get("output_index"), said.get("item"), said.get("response")
        if isinstance(index, int):
            if isinstance(item, dict) and self._hides(item):
                self._hidden.add(index)
            if index in self._hidden:
                self._dropped += 1
                return None
            self._strip(item)
            said["output_index"] = index - sum(other < index for other in self._hidden)
        if isinstance(said.get("sequence_number"), int):
            said["sequence_number"] -= self._dropped
        if isinstance(response, dict):
            self._response(response)
        return said

    def _strip(self, item: Any) -> None:
        """A call without its namespace."""
        if self._bare and isinstance(item, dict) and item.get("type") == "function_call":
            item.pop("namespace", None)

    def _response(self, response: dict[str, Any]) -> None:
        """A response object: its output without what is hidden, its tools as they were asked for."""
        output = response.get("output")
        if isinstance(output, list):
            response["output"] = [
                item for item in output if not (isinstance(item, dict) and self._hides(item))
            ]
            for item in response["output"]:
                self._strip(item)
        if bytes(self._tools) and "tools" in response:
            response["tools"] = self._tools


def hiding(call: Admitted, routed: Routed) -> Hide | None:
    """What takes out of a call's reply what the caller did not ask for; None where there is no such thing."""
    decision = routed.decision
    if decision is None or not routed.carried or call.request is None:
        return None
    if routed.search is None and routed.deferral is None and not decision.plan.drop_tools:
        return None
    hides = (
        is_search if routed.search is not None else hides_search if routed.deferral is not None else nothing
    )
    tools = call.request.tools if call.endpoint == "responses" else b""
    return Hide(hides, tools, bare=routed.deferral is not None)


def nothing(_: Mapping[str, Any]) -> bool:
    """Hides no item."""
    return False


def _as_item(call: Any) -> dict[str, Any]:
    """A call of Chat as an item of Responses, as far as that tells whether it is hidden."""
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return {"type": "function_call", "name": name}


def _may_hide(data: bytes) -> bool:
    """Whether an event may begin an item, or end a choice."""
    return b"output_item" in data or b'"tool_calls"' in data or b'"response":' in data
