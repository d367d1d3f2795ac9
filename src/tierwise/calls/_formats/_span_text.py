"""The texts of a span: what was sent and what was answered, in whatever dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tierwise.calls._formats._attributes import Attributes, indexed, nested, plain
from tierwise.calls._formats._messages import answer_body, chat_messages, tool_definitions
from tierwise.calls._values import embedded, first, mapping, text

_EVENT_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def native_request(attributes: Attributes) -> dict[str, Any] | None:
    """OpenAI's own request body, which OpenInference keeps in `input.value`; None without one."""
    body = mapping(attributes.get("input.value"))
    messages = body.get("messages")
    ours = isinstance(messages, list) and bool(messages) and isinstance(messages[0], Mapping)
    told = ours and "role" in messages[0]  # type: ignore[index]  # a list, by `ours`
    return dict(body) if told or ("model" in body and "input" in body) else None


def messages_of(attributes: Attributes, events: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    """Messages in wire form and tool definitions, from the first dialect that has any."""
    stated = _structured(attributes, ("gen_ai.input.messages", "ai.prompt.messages", "ai.prompt"))
    messages, tools = chat_messages(stated)
    system = first(attributes, "gen_ai.system_instructions")
    if system is not None:
        written, _ = chat_messages([{"role": "system", "parts": embedded(system)}])
        messages = written + messages
    for read in (
        lambda: [_numbered(row) for row in indexed(attributes, "gen_ai.prompt.")],
        lambda: [_numbered(row) for row in indexed(attributes, "llm.prompts.")],
        lambda: [_inference(row) for row in indexed(attributes, "llm.input_messages.")],
        lambda: _from_events(events),
        lambda: attributes.get("input.value"),
    ):
        if not messages:
            messages, tools = chat_messages(read())
    return messages, tools or _tools(attributes)


def _structured(attributes: Attributes, names: tuple[str, ...]) -> Any:
    """An attribute that holds messages, given whole or spread over numbered names."""
    for name in names:
        if attributes.get(name) is not None:
            return attributes[name]
        rows = indexed(attributes, f"{name}.")
        if rows:
            return [_numbered(row) for row in rows]
    return None


def _numbered(row: Attributes) -> dict[str, Any]:
    """A message of OpenLLMetry (`role`, `content`, `tool_calls.0.name`) as one object."""
    message = {key: value for key, value in row.items() if "." not in key}
    for key in ("tool_calls", "parts"):
        found = nested(row, f"{key}.")
        if found:
            message[key] = found
    return message


def _inference(row: Attributes) -> dict[str, Any]:
    """A message of OpenInference (`message.role`, `message.contents.0...`) as one object."""
    bare = {key.removeprefix("message."): value for key, value in row.items()}
    message = {key: value for key, value in bare.items() if "." not in key}
    calls = nested(bare, "tool_calls.")
    if calls:
        message["tool_calls"] = calls
    contents = nested(bare, "contents.")
    if contents:
        message["content"] = contents
    return message


def _tools(attributes: Attributes) -> list[Any]:
    functions = [
        {"type": "function", "function": {**row, "parameters": embedded(row.get("parameters"))}}
        for row in indexed(attributes, "llm.request.functions.")
    ]
    inference = [first(row, "tool.json_schema", "json_schema") for row in indexed(attributes, "llm.tools.")]
    return tool_definitions(
        attributes.get("gen_ai.tool.definitions"),
        functions,
        inference,
        attributes.get("ai.prompt.tools"),
        mapping(attributes.get("llm.invocation_parameters")).get("tools"),
    )


def _from_events(events: Any) -> list[dict[str, Any]]:
    """Messages of the older conventions, one event each, and of the newer single event."""
    messages: list[dict[str, Any]] = []
    for event in events if isinstance(events, list) else ():
        role = _EVENT_ROLES.get(str(mapping(event).get("name")))
        body = plain(mapping(event).get("attributes"))
        if role:
            content = first(body, "content", "gen_ai.event.content")
            inner = mapping(content)
            messages.append({"role": role, "content": inner.get("content", content), **_calls(inner or body)})
        elif "gen_ai.input.messages" in body:
            messages += chat_messages(body["gen_ai.input.messages"])[0]
    return messages


def _calls(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in ("tool_calls", "id") if body.get(key) is not None}


def answer_of(attributes: Attributes, events: Any) -> dict[str, Any] | None:
    """The answer as a response body: OpenAI's own where the span keeps it, else made of parts."""
    native = mapping(attributes.get("output.value"))
    if isinstance(native.get("choices"), list) or isinstance(native.get("output"), list):
        return dict(native)
    stated = _structured(attributes, ("gen_ai.output.messages",))
    if stated is None:
        stated = [_numbered(row) for row in indexed(attributes, "gen_ai.completion.")]
    if not stated:
        stated = [_inference(row) for row in indexed(attributes, "llm.output_messages.")]
    if not stated:
        stated = _vercel(attributes) or _answer_events(events) or attributes.get("output.value")
    body = answer_body(stated)
    reason = _finish(attributes)
    if body and reason and isinstance(body.get("choices"), list):
        body["choices"] = [
            {**choice, "finish_reason": choice.get("finish_reason") or reason} for choice in body["choices"]
        ]
    return body


def _finish(attributes: Attributes) -> str | None:
    reasons = embedded(attributes.get("gen_ai.response.finish_reasons"))
    reason = reasons[0] if isinstance(reasons, list) and reasons else reasons
    names = ("llm.finish_reason", "gen_ai.response.finish_reason", "ai.response.finishReason")
    found = text(reason) or text(first(attributes, *names))
    return found.replace("-", "_") if found else None


def _vercel(attributes: Attributes) -> list[dict[str, Any]] | None:
    answer, calls = attributes.get("ai.response.text"), embedded(attributes.get("ai.response.toolCalls"))
    if answer is None and not calls:
        return None
    return [{"role": "assistant", "content": answer or "", "tool_calls": calls or []}]


def _answer_events(events: Any) -> list[dict[str, Any]]:
    answers = []
    for event in events if isinstance(events, list) else ():
        body = plain(mapping(event).get("attributes"))
        if mapping(event).get("name") == "gen_ai.choice":
            message = mapping(first(body, "message", "gen_ai.event.content"))
            inner = mapping(message.get("message")) or message
            content = inner.get("content") or first(body, "message.content", "content")
            answers.append({"role": "assistant", "content": content or "", **_calls(inner)})
        elif "gen_ai.output.messages" in body:
            found = embedded(body["gen_ai.output.messages"])
            answers += found if isinstance(found, list) else []
    return answers
