"""Outcomes as Chat Completions: the JSON body, and the same as stream events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tierwise.simulator._answers import Answer
from tierwise.simulator._ask import Json
from tierwise.simulator._choose import ToolCall
from tierwise.simulator._draw import Dice, Ids
from tierwise.simulator._engine import Outcome
from tierwise.simulator._fields import json_text
from tierwise.simulator._tokens import Tokenizer


class ChatWriter:
    """Writes chat bodies and chunks."""

    def __init__(self, dice: Dice, ids: Ids, tokenizer: Tokenizer) -> None:
        self._dice = dice
        self._ids = ids
        self._tokenizer = tokenizer

    def body(self, outcome: Outcome) -> Json:
        """The `chat.completion` object."""
        model = outcome.ask.model
        return {
            "id": self._ids.chat(),
            "object": "chat.completion",
            "created": outcome.created,
            "model": model.snapshot,
            "choices": [self._choice(outcome, answer, at) for at, answer in enumerate(outcome.answers)],
            "usage": usage(outcome),
            "service_tier": outcome.tier,
            "system_fingerprint": f"fp_{self._dice.hexadecimal(10, model.snapshot)}"
            if model.fingerprint
            else None,
        }

    def _choice(self, outcome: Outcome, answer: Answer, at: int) -> Json:
        calls = [self._call(call) for call in answer.chosen.calls]
        message: Json = {"role": "assistant", "content": answer.text if not calls else None}
        if calls:
            message["tool_calls"] = calls
        message |= {"refusal": None, "annotations": []}
        choice: Json = {"index": at, "message": message}
        if outcome.ask.logprobs:
            choice["logprobs"] = {"content": self.logprobs(outcome, answer), "refusal": None}
        elif not outcome.ask.model.reasons:
            choice["logprobs"] = None
        return choice | {"finish_reason": answer.finish}

    def _call(self, call: ToolCall) -> Json:
        if call.tool.kind == "custom":
            custom = {"name": call.tool.name, "input": str(call.arguments.get("input", ""))}
            return {"id": self._ids.call(), "type": "custom", "custom": custom}
        function = {"name": call.tool.name, "arguments": json_text(call.arguments)}
        return {"id": self._ids.call(), "type": "function", "function": function}

    def logprobs(self, outcome: Outcome, answer: Answer) -> list[Json]:
        """A log probability a token: near 0 where the answer is right, lower where it is wrong."""
        found = []
        scale = {True: 0.06, False: 0.9, None: 0.25}[answer.right]
        for at, piece in enumerate(self._tokenizer.pieces(answer.text)):
            draw = self._dice.share("logprob", answer.text, outcome.ask.model.name, at)
            logprob = -scale * -math.log(1 - draw) if draw < 1 else 0.0
            found.append(
                _logprob(piece, logprob)
                | {"top_logprobs": self._tops(piece, logprob, outcome.ask.top_logprobs)}
            )
        return found

    def _tops(self, piece: str, logprob: float, count: int) -> list[Json]:
        rest = math.log(max(1e-9, 1 - math.exp(logprob)))
        others = [_logprob(f"{piece}{'.' * at}", rest - at) for at in range(1, count)]
        return [_logprob(piece, logprob), *others] if count else []

    def chunks(self, body: Mapping[str, Any], outcome: Outcome, *, obfuscate: bool) -> list[Json]:
        """The stream of this body, without its end mark."""
        head = {"id": body["id"], "object": "chat.completion.chunk"}
        head |= {name: body[name] for name in ("created", "model", "service_tier", "system_fingerprint")}
        found: list[Json] = []

        def send(choices: list[Json], used: Json | None = None) -> None:
            chunk = head | {"choices": choices}
            if outcome.ask.usage:
                chunk["usage"] = used
            if obfuscate:
                chunk["obfuscation"] = self._dice.letters(4 + len(found) % 12, "pad", len(found))
            found.append(chunk)

        for choice in body["choices"]:
            for delta, logprobs in self._deltas(choice):
                send([_streamed(choice, delta, logprobs, None)])
            send([_streamed(choice, {}, None, choice["finish_reason"])])
        if outcome.ask.usage:
            send([], dict(body["usage"]))
        return found

    def _deltas(self, choice: Json) -> list[tuple[Json, Json | None]]:
        message = choice["message"]
        calls = message.get("tool_calls")
        if calls:
            return [(delta, None) for delta in self._call_deltas(calls)]
        found: list[tuple[Json, Json | None]] = [
            ({"role": "assistant", "content": "", "refusal": None}, None)
        ]
        each = (choice.get("logprobs") or {}).get("content")
        for at, piece in enumerate(self._tokenizer.pieces(message["content"] or "")):
            found.append(({"content": piece}, {"content": [each[at]], "refusal": None} if each else None))
        return found

    def _call_deltas(self, calls: list[Json]) -> list[Json]:
        """One call opens with the message; several open after it, as recorded."""
        found: list[Json] = []
        for index, call in enumerate(calls):
            kind = call["type"]
            field = "arguments" if kind == "function" else "input"
            opened = {
                "index": index,
                "id": call["id"],
                "type": kind,
                kind: {"name": call[kind]["name"], field: ""},
            }
            if len(calls) == 1:
                found.append({"role": "assistant", "content": None, "tool_calls": [opened], "refusal": None})
            else:
                if index == 0:
                    found.append({"role": "assistant", "content": None})
                found.append({"tool_calls": [opened]})
            pieces = self._tokenizer.pieces(call[kind][field])
            found += [{"tool_calls": [{"index": index, kind: {field: piece}}]} for piece in pieces]
        return found


def usage(outcome: Outcome) -> Json:
    """The usage block of Chat Completions."""
    used = outcome.used
    details: Json = {"cached_tokens": used.cached, "audio_tokens": 0}
    if outcome.ask.model.generation == 2:
        details["cache_write_tokens"] = used.written
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {
            "reasoning_tokens": used.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _streamed(choice: Json, delta: Json, logprobs: Json | None, finish: str | None) -> Json:
    found: Json = {"index": choice["index"], "delta": delta}
    if "logprobs" in choice:
        found["logprobs"] = logprobs
    return found | {"finish_reason": finish}


def _logprob(token: str, logprob: float) -> Json:
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode("utf-8", "replace"))}
