"""What the API keeps: responses with the items before them, background work, conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tierwise.simulator._ask import Json
from tierwise.simulator._engine import Engine, Outcome
from tierwise.simulator._errors import bad, not_found
from tierwise.simulator._responses import ResponseWriter


class Stored(msgspec.Struct, kw_only=True):
    """One response that can be asked for again."""

    id: str
    outcome: Outcome
    given: list[Json]
    """The input items of the request."""
    history: list[Json]
    """Input and output items before them."""
    opened: Json
    final: Json
    """What it will be; shown when `ready` has passed."""
    ready: float
    key: str = ""
    conversation: str | None = None
    billed: bool = False
    cancelled: bool = False


class Shelf:
    """Stored responses and conversations. Background work advances when looked at, by the clock."""

    def __init__(self, engine: Engine, writer: ResponseWriter) -> None:
        self._engine = engine
        self._writer = writer
        self._responses: dict[str, Stored] = {}
        self._conversations: dict[str, tuple[Json, list[Json]]] = {}

    def history(self, body: Json) -> list[Json]:
        """The items that come before a request's own; raises Refusal for what is not there."""
        previous, conversation = body.get("previous_response_id"), body.get("conversation")
        if previous and conversation:
            raise bad(
                "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.",
                param="previous_response_id",
                code="mutually_exclusive_parameters",
            )
        if previous:
            stored = self._responses.get(previous) if isinstance(previous, str) else None
            if stored is None:
                raise bad(
                    f"Previous response with id '{previous}' not found.",
                    param="previous_response_id",
                    code="previous_response_not_found",
                )
            self._advance(stored)
            return [*stored.history, *stored.given, *self._shown(stored)["output"]]
        if conversation:
            return list(self.items(_conversation_id(conversation)))
        return []

    def keep(self, stored: Stored) -> None:
        """Remember a response."""
        self._responses[stored.id] = stored

    def join(self, body: Json, given: Sequence[Json], output: Sequence[Json]) -> None:
        """Append a turn to the conversation that the request names."""
        conversation = body.get("conversation")
        if conversation:
            self.items(_conversation_id(conversation)).extend([*given, *output])

    def get(self, response_id: str) -> Stored:
        """The response, advanced to now; 404 where it is not."""
        stored = self._responses.get(response_id)
        if stored is None:
            raise not_found(f"Response with id '{response_id}' not found.")
        self._advance(stored)
        return stored

    def show(self, response_id: str) -> Json:
        """The response object as it is now."""
        return self._shown(self.get(response_id))

    def cancel(self, response_id: str) -> Json:
        """Stop background work; nothing is billed that was not done."""
        stored = self.get(response_id)
        if not stored.opened["background"]:
            raise bad("Cannot cancel a synchronous response.")
        if not stored.billed:
            stored.cancelled = True
        return self._shown(stored)

    def delete(self, response_id: str) -> Json:
        """Forget a response."""
        self.get(response_id)
        del self._responses[response_id]
        return {"id": response_id, "object": "response", "deleted": True}

    def input_items(self, response_id: str) -> list[Json]:
        """The items of its request with ids, newest first."""
        stored = self.get(response_id)
        found = []
        for at, item in enumerate([*stored.history, *stored.given]):
            full = {"id": f"msg_{response_id[5:23]}{at:032x}", "type": "message", **item}
            if full["type"] == "message":
                full["status"] = "completed"
                if isinstance(item.get("content"), str):
                    kind = "output_text" if item.get("role") == "assistant" else "input_text"
                    extra: Json = {"annotations": []} if kind == "output_text" else {}
                    full["content"] = [{"type": kind, "text": item["content"], **extra}]
            found.append(full)
        return found[::-1]

    def _advance(self, stored: Stored) -> None:
        if stored.billed or stored.cancelled or self._engine.clock() < stored.ready:
            return
        stored.billed = True
        if stored.final["status"] != "failed":
            self._engine.settle(stored.outcome, response_id=stored.id, key=stored.key)

    def _shown(self, stored: Stored) -> Json:
        if stored.cancelled:
            return stored.opened | {"status": "cancelled"}
        if stored.billed:
            return stored.final
        started = stored.outcome.created + (stored.ready - stored.outcome.created) / 4
        return stored.opened | {"status": "in_progress" if self._engine.clock() >= started else "queued"}

    def advance(self) -> None:
        """Bring all background work to now, so that the bill is complete."""
        for stored in self._responses.values():
            self._advance(stored)

    def create_conversation(self, body: Json) -> Json:
        """A new, empty or given conversation."""
        name = self._engine.ids.plain("conv", 50)
        made = {
            "id": name,
            "object": "conversation",
            "created_at": int(self._engine.clock()),
            "metadata": body.get("metadata") or {},
        }
        self._conversations[name] = (made, list(body.get("items") or []))
        return made

    def conversation(self, name: str) -> Json:
        """The conversation object."""
        self.items(name)
        return self._conversations[name][0]

    def items(self, name: str) -> list[Json]:
        """Its items, oldest first; 404 where there is none of that name."""
        found = self._conversations.get(name)
        if found is None:
            raise not_found(f"Conversation with id '{name}' not found.")
        return found[1]

    def delete_conversation(self, name: str) -> Json:
        """Forget a conversation."""
        self.items(name)
        del self._conversations[name]
        return {"id": name, "object": "conversation.deleted", "deleted": True}


def _conversation_id(conversation: Any) -> str:
    return str(conversation.get("id") if isinstance(conversation, dict) else conversation)
