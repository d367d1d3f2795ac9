"""Outcomes as Responses: the response object and its output items."""

from __future__ import annotations

from typing import Any

from tierwise.simulator import _echo as echo
from tierwise.simulator._answers import Answer
from tierwise.simulator._ask import Ask, Json
from tierwise.simulator._chat import ChatWriter
from tierwise.simulator._choose import HOSTED, ToolCall
from tierwise.simulator._draw import Dice, Ids
from tierwise.simulator._engine import Outcome
from tierwise.simulator._fields import json_text


class ResponseWriter:
    """Writes response objects."""

    def __init__(self, dice: Dice, ids: Ids, chat: ChatWriter) -> None:
        self._dice = dice
        self._ids = ids
        self._chat = chat

    def opened(self, outcome: Outcome, response_id: str, status: str) -> Json:
        """The object before anything is done; `service_tier` still is what was asked."""
        ask = outcome.ask
        body, model = ask.body, ask.model
        retention = ask.retention or model.retention
        found: Json = {
            "id": response_id,
            "object": "response",
            "created_at": outcome.created,
            "status": status,
            "background": bool(body.get("background")),
            "completed_at": None,
            "error": None,
            "frequency_penalty": 0.0,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "max_output_tokens": ask.cap,
            "max_tool_calls": body.get("max_tool_calls"),
            "model": model.snapshot,
            "moderation": None,
            "output": [],
            "parallel_tool_calls": ask.parallel,
            "presence_penalty": 0.0,
            "previous_response_id": body.get("previous_response_id"),
            "prompt_cache_key": ask.cache_key,
            "prompt_cache_retention": retention,
            "reasoning": echo.reasoning(ask, outcome.effort),
            "safety_identifier": body.get("safety_identifier"),
            "service_tier": ask.tier,
            "store": body.get("store") is not False,
            "temperature": _default(body.get("temperature"), 1.0),
            "text": echo.text(ask),
            "tool_choice": body.get("tool_choice") or "auto",
            "tool_usage": _tool_usage(0),
            "tools": echo.tools(ask),
            "top_logprobs": ask.top_logprobs,
            "top_p": _default(body.get("top_p"), model.top_p),
            "truncation": body.get("truncation") or "disabled",
            "usage": None,
            "user": body.get("user"),
            "metadata": body.get("metadata") or {},
        }
        if body.get("prompt_cache_options") is not None:
            found["prompt_cache_options"] = {"mode": ask.cache_mode, "ttl": ask.ttl}
        if body.get("conversation") is not None:
            name = body["conversation"]
            found["conversation"] = {"id": name if isinstance(name, str) else name.get("id")}
        return found

    def completed(self, outcome: Outcome, response_id: str, at: int) -> Json:
        """The finished object at `at` (Unix seconds)."""
        answer = outcome.answers[0]
        cut = answer.finish == "length"
        found = self.opened(outcome, response_id, "incomplete" if cut else "completed")
        found["completed_at"] = None if cut else at
        found["incomplete_details"] = {"reason": "max_output_tokens"} if cut else None
        found["output"] = self._output(outcome, answer, response_id)
        found["service_tier"] = outcome.tier
        found["tool_usage"] = _tool_usage(answer.fees.get("web_search", 0))
        found["usage"] = usage(outcome)
        found["billing"] = {"payer": "developer"}
        return found

    def failed(self, outcome: Outcome, response_id: str) -> Json:
        """A response that failed with HTTP 200."""
        found = self.opened(outcome, response_id, "failed")
        found["service_tier"] = outcome.tier
        found["error"] = {"code": "server_error", "message": "The model failed to generate a response."}
        return found

    def _output(self, outcome: Outcome, answer: Answer, response_id: str) -> list[Json]:
        items: list[Json] = []
        if answer.reasoning:
            items.append(self._thought(outcome.ask, response_id))
        if answer.chosen.found:
            items += self._searched(answer, response_id)
        hosted = [call for call in answer.chosen.calls if call.tool.kind in HOSTED]
        items += [self._web(call, response_id) for call in hosted]
        calls = [call for call in answer.chosen.calls if call.tool.kind not in HOSTED]
        items += [self._call(call, outcome.ask, response_id) for call in calls]
        if answer.chosen.client_search is not None:
            items.append(
                {
                    "id": self._ids.item("tsc", response_id),
                    "type": "tool_search_call",
                    "status": "completed",
                    "arguments": dict(answer.chosen.client_search),
                    "call_id": self._ids.call(),
                    "execution": "client",
                }
            )
        ended = bool(calls) or answer.chosen.client_search is not None
        if not ended and (answer.text or answer.finish != "length"):
            items.append(self._message(outcome, answer, response_id))
        return items

    def _thought(self, ask: Ask, response_id: str) -> Json:
        item: Json = {"id": self._ids.item("rs", response_id), "type": "reasoning", "content": []}
        if "reasoning.encrypted_content" in (ask.body.get("include") or []):
            item["encrypted_content"] = f"gAAAAA{self._dice.letters(200, response_id)}=="
        summary = (ask.body.get("reasoning") or {}).get("summary")
        text = "**Thinking it through**\n\nI weigh what was asked and answer in order."
        return item | {"summary": [{"type": "summary_text", "text": text}] if summary else []}

    def _searched(self, answer: Answer, response_id: str) -> list[Json]:
        found = answer.chosen.found
        path = found[0].namespace or found[0].name
        common = {"call_id": None, "execution": "server"}
        tools = [echo.function(tool.wire) for tool in found]
        if found[0].namespace is not None:
            about = {"type": "namespace", "name": path, "description": found[0].about}
            tools = [about | {"tools": tools}]
        head = {"id": self._ids.item("tsc", response_id), "type": "tool_search_call", "status": "completed"}
        tail = {"id": self._ids.item("tso", response_id), "type": "tool_search_output", "status": "completed"}
        return [head | {"arguments": {"paths": [path]}} | common, tail | common | {"tools": tools}]

    def _web(self, call: ToolCall, response_id: str) -> Json:
        query = str(call.arguments.get("query") or "the question asked")
        return {
            "id": self._ids.item("ws", response_id),
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "search", "queries": [query], "query": query},
        }

    def _call(self, call: ToolCall, ask: Ask, response_id: str) -> Json:
        tool = call.tool
        if tool.kind == "custom":
            return {
                "id": self._ids.item("ctc", response_id),
                "type": "custom_tool_call",
                "status": "completed",
                "call_id": self._ids.call(),
                "input": str(call.arguments.get("input", "")),
                "name": tool.name,
            }
        item = {
            "id": self._ids.item("fc", response_id),
            "type": "function_call",
            "status": "completed",
            "arguments": json_text(call.arguments),
            "call_id": self._ids.call(),
            "name": tool.name,
        }
        plain = tool.added and ask.model.generation == 2
        if tool.namespace is not None or tool.deferred or (tool.loaded and not plain):
            item["namespace"] = tool.namespace or tool.name
        return item

    def _message(self, outcome: Outcome, answer: Answer, response_id: str) -> Json:
        logprobs = self._chat.logprobs(outcome, answer) if outcome.ask.logprobs else []
        part = {"type": "output_text", "annotations": [], "logprobs": logprobs, "text": answer.text}
        item: Json = {
            "id": self._ids.item("msg", response_id),
            "type": "message",
            "status": "incomplete" if answer.finish == "length" else "completed",
            "content": [part],
        }
        if outcome.ask.model.phases:
            item["phase"] = "final_answer"
        return item | {"role": "assistant"}


def usage(outcome: Outcome) -> Json:
    """The usage block of Responses."""
    used = outcome.used
    details: Json = {"cache_write_tokens": used.written, "cached_tokens": used.cached}
    if used.written_12h:
        details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": used.written_30m,
            "ttl_12h_tokens": used.written_12h,
        }
    return {
        "input_tokens": used.input,
        "input_tokens_details": details,
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.input + used.output,
    }


def _default(value: Any, default: float) -> float:
    return default if value is None else value


def _tool_usage(searches: int) -> Json:
    zero = {"image_tokens": 0, "text_tokens": 0}
    return {
        "image_gen": {
            "input_tokens": 0,
            "input_tokens_details": zero,
            "output_tokens": 0,
            "output_tokens_details": dict(zero),
            "total_tokens": 0,
        },
        "web_search": {"num_requests": searches},
    }
