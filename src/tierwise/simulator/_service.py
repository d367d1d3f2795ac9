"""The API's operations without HTTP: a parsed body in, an answer out, billed and stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.simulator._ask import Json
from tierwise.simulator._batches import Batches
from tierwise.simulator._bill import Used
from tierwise.simulator._chat import ChatWriter
from tierwise.simulator._deliver import chat_lines, event_lines
from tierwise.simulator._engine import Engine, Outcome
from tierwise.simulator._errors import Refusal, bad, odd_is_refused
from tierwise.simulator._events import EventWriter
from tierwise.simulator._faults import Fault, Faults
from tierwise.simulator._fields import text_of
from tierwise.simulator._files import Files
from tierwise.simulator._lines import Line
from tierwise.simulator._parse_responses import items_of
from tierwise.simulator._responses import ResponseWriter
from tierwise.simulator._small import decide, embed
from tierwise.simulator._stored import Shelf, Stored

COMPACTED: Final = 190
"""Output tokens of a compaction, about what the recordings show."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and what is to go wrong."""

    request_id: str
    key: str = ""
    fault: Fault | None = None

    @property
    def downgraded(self) -> bool:
        """Whether a fast request is served as standard."""
        return self.fault is not None and self.fault.kind == "downgrade"

    @property
    def failing(self) -> bool:
        """Whether the answer fails."""
        return self.fault is not None and self.fault.kind == "failed"


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived. The API key is left out."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Empty for an uploaded form."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON body, or the lines of a stream."""

    body: Any = None
    stream: list[bytes] | None = None


class Service:
    """All state of one simulated account."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self.engine = engine
        self.faults = faults
        dice, ids, tokenizer = engine.dice, engine.ids, engine.tokenizer
        self.chat_writer = ChatWriter(dice, ids, tokenizer)
        self.writer = ResponseWriter(dice, ids, self.chat_writer)
        self.event_writer = EventWriter(dice, tokenizer)
        self.files = Files(engine)
        self.shelf = Shelf(engine, self.writer)
        self.batches = Batches(engine, self.files, faults, self.line)
        self.requests = 0
        self.received: list[Received] = []

    def count_request(self) -> None:
        """One more request under /v1, refused ones and retries included."""
        self.requests += 1

    def advance(self) -> None:
        """Bring everything that runs by the clock to now."""
        self.shelf.advance()
        self.batches.advance()

    @odd_is_refused()
    def chat(self, body: Json, caller: Caller) -> Reply:
        """`POST /v1/chat/completions`."""
        if caller.failing:
            raise Refusal(500, "The server had an error while processing your request.", kind="server_error")
        outcome = self.engine.run("chat", body, downgrade=caller.downgraded, request_id=caller.request_id)
        answer = self.chat_writer.body(outcome)
        self.engine.settle(outcome, response_id=answer["id"], key=caller.key)
        if not outcome.ask.stream:
            return Reply(body=answer)
        chunks = self.chat_writer.chunks(answer, outcome, obfuscate=self._obfuscate(outcome))
        return Reply(stream=chat_lines(chunks))

    @odd_is_refused()
    def respond(self, body: Json, caller: Caller) -> Reply:
        """`POST /v1/responses`."""
        history = self.shelf.history(body)
        outcome = self.engine.run(
            "responses", body, history=history, downgrade=caller.downgraded, request_id=caller.request_id
        )
        response_id = self.engine.ids.response()
        background = bool(body.get("background"))
        opened = self.writer.opened(outcome, response_id, "queued" if background else "in_progress")
        finished = int(self.engine.clock()) + (1 if background else 0)
        final = (
            self.writer.failed(outcome, response_id)
            if caller.failing
            else self.writer.completed(outcome, response_id, finished)
        )
        given = items_of(body.get("input"))
        waits = background and not outcome.ask.stream
        if background or body.get("store") is not False:
            ready = self.engine.clock() + (self.engine.settings.background_seconds if waits else 0)
            stored = Stored(
                id=response_id, outcome=outcome, given=given, history=history, opened=opened, final=final,
                ready=ready, key=caller.key, billed=not waits,
            )  # fmt: skip
            self.shelf.keep(stored)
        if not caller.failing:
            self.shelf.join(body, given, final["output"])
        if waits:
            return Reply(body=self.shelf.show(response_id))
        if not caller.failing:
            self.engine.settle(outcome, response_id=response_id, key=caller.key)
        if outcome.ask.stream:
            return Reply(stream=self._events(opened | {"status": "in_progress"}, final, outcome))
        return Reply(body=final)

    def replay(self, response_id: str, after: int | None) -> Reply:
        """The events of a stored response again, after a sequence number."""
        stored = self.shelf.get(response_id)
        if self.shelf.show(response_id)["status"] in {"queued", "in_progress", "cancelled"}:
            raise bad("Only a finished response can be streamed again by the simulator.", param="stream")
        lines = self._events(stored.opened | {"status": "in_progress"}, stored.final, stored.outcome)
        return Reply(stream=lines[0 if after is None else after + 1 :])

    def _events(self, opened: Json, final: Json, outcome: Outcome) -> list[bytes]:
        return event_lines(self.event_writer.events(opened, final, obfuscate=self._obfuscate(outcome)))

    def _obfuscate(self, outcome: Outcome) -> bool:
        return self.engine.settings.obfuscation and outcome.ask.obfuscation is not False

    @odd_is_refused()
    def count(self, body: Json) -> Json:
        """`POST /v1/responses/input_tokens`."""
        tokens = self.engine.input_tokens("responses", body, self.shelf.history(body))
        return {"object": "response.input_tokens", "input_tokens": tokens}

    @odd_is_refused()
    def compact(self, body: Json, caller: Caller) -> Json:
        """`POST /v1/responses/compact`: the user's messages stay, the rest becomes one sealed item."""
        history = self.shelf.history(body)
        given = items_of(body.get("input"))
        model = self.engine.model(body.get("model"), "responses")
        name = self.engine.ids.response()
        kept = [item for item in [*history, *given] if item.get("role") == "user"]
        output = [
            {
                "id": self.engine.ids.item("msg", name),
                "type": "message",
                "role": "user",
                "status": "completed",
                "content": [{"type": "input_text", "text": text_of(item.get("content"), "input")}],
            }
            for item in kept
        ]
        sealed = f"gAAAAA{self.engine.dice.letters(300, name)}=="
        output.append(
            {"id": self.engine.ids.item("cmp", name), "type": "compaction", "encrypted_content": sealed}
        )
        used = Used(input=self.engine.input_tokens("responses", body, history), output=COMPACTED)
        self.engine.charge(
            endpoint="responses", model=model.name, lane="standard", used=used, request_id=caller.request_id, key=caller.key
        )  # fmt: skip
        usage = {
            "input_tokens": used.input,
            "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used.input + used.output,
        }
        created = int(self.engine.clock())
        return {
            "id": name,
            "object": "response.compaction",
            "created_at": created,
            "output": output,
            "usage": usage,
        }

    @odd_is_refused()
    def embed(self, body: Json, caller: Caller) -> Json:
        """`POST /v1/embeddings`."""
        answer, model, used = embed(self.engine, body)
        self.engine.charge(
            endpoint="embeddings", model=model.name, lane="standard", used=used, request_id=caller.request_id, key=caller.key
        )  # fmt: skip
        return answer

    @odd_is_refused()
    def decide(self, body: Json, caller: Caller) -> Json:
        """`POST /v1/decisions`."""
        answer, model, used = decide(self.engine, body)
        self.engine.charge(
            endpoint="decisions", model=model.name, lane="decisions", used=used, request_id=caller.request_id, key=caller.key
        )  # fmt: skip
        return answer

    @odd_is_refused()
    def line(self, endpoint: str, line: Line, key: str) -> tuple[Json, Json]:
        """One line of a batch: the answer and its tokens by kind. Raises Refusal."""
        if endpoint.endswith("/embeddings"):
            answer, model, used = embed(self.engine, line.body)
            self.engine.charge(
                endpoint="embeddings", model=model.name, lane="batch", used=used,
                request_id="", key=key, custom_id=line.custom_id,
            )  # fmt: skip
            return answer, _tokens(used)
        if line.body.get("stream"):
            raise bad("Streaming is not supported in batches.", param="stream")
        kind = "chat" if endpoint.endswith("/completions") else "responses"
        history = self.shelf.history(line.body) if kind == "responses" else []
        outcome = self.engine.run(kind, line.body, history=history, batch=True)
        if kind == "chat":
            answer = self.chat_writer.body(outcome)
        else:
            answer = self.writer.completed(outcome, self.engine.ids.response(), int(self.engine.clock()))
        self.engine.settle(outcome, response_id=answer["id"], key=key, custom_id=line.custom_id)
        return answer, _tokens(outcome.used)


def _tokens(used: Used) -> Json:
    return {"input": used.input, "cached": used.cached, "output": used.output, "reasoning": used.reasoning}
