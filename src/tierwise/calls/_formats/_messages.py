"""Messages as tracing tools write them, turned into Chat Completions wire form.

Shapes known here: OpenAI's own (both endpoints), OpenTelemetry `parts`, LangChain (plain,
serialised constructors, LLMResult), the Vercel AI SDK, and tool definitions that the Langfuse
handler for LangChain appends as messages. What is not known is kept as text, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tierwise.calls._coerce import encoded
from tierwise.calls._values import embedded, first, mapping, text

_ROLES = {
    "human": "user",
    "ai": "assistant",
    "function": "tool",
    "model": "assistant",
    "developer": "developer",
}
_CONSTRUCTORS = (
    ("HumanMessage", "user"),
    ("SystemMessage", "system"),
    ("AIMessage", "assistant"),
    ("ToolMessage", "tool"),
    ("FunctionMessage", "tool"),
)
_PARTS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "image": "image_url",
    "image_url": "image_url",
    "input_image": "image_url",
    "audio": "input_audio",
    "input_audio": "input_audio",
    "file": "file",
    "input_file": "file",
    "refusal": "refusal",
    "reasoning": "reasoning",
    "thinking": "reasoning",
}
_MEDIA = {"image": "image_url", "audio": "input_audio"}
_DEEPEST = 4


def chat_messages(value: Any, depth: int = 0) -> tuple[list[dict[str, Any]], list[Any]]:
    """Wire messages of whatever stands where messages should, and tool definitions among them.

    `value` is a list, one message, a prompt as text, or an object holding one of these under
    'messages', 'input', 'prompt' or 'contents'; JSON inside strings is parsed first.
    """
    value = embedded(value)
    if value is None or value in ("", {}, []) or depth > _DEEPEST:
        return [], []
    if isinstance(value, Mapping):
        inner = None if _is_message(value) else first(value, "messages", "input", "prompt", "contents")
        if inner is not None:
            return chat_messages(inner, depth + 1)
        value = [value]
    if not isinstance(value, list):
        return [{"role": "user", "content": _as_text(value)}], []
    messages: list[dict[str, Any]] = []
    tools: list[Any] = []
    for item in map(embedded, value):
        if isinstance(item, list):
            inside, more = chat_messages(item, depth + 1)
            messages += inside
            tools += more
        elif isinstance(item, Mapping):
            tool = _tool_in_message(item)
            if tool is None:
                messages += _wire(item)
            else:
                tools.append(tool)
        elif item is not None:
            messages.append({"role": "user", "content": _as_text(item)})
    return messages, tools


def _is_message(value: Mapping[str, Any]) -> bool:
    typed = text(value.get("type")) in _ROLES and "content" in value
    return "role" in value or "kwargs" in value or typed


def _tool_in_message(message: Mapping[str, Any]) -> Any:
    content = mapping(message.get("content"))
    return content if message.get("role") == "tool" and content.get("type") == "function" else None


def _wire(source: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One logged message as one wire message, or several where it holds several tool results."""
    role = text(source.get("role"))
    if source.get("type") == "constructor" or ("kwargs" in source and "id" in source):
        kind = str(source.get("id"))
        role = next((ours for name, ours in _CONSTRUCTORS if name in kind), "user")
        source = mapping(source.get("kwargs"))
    elif role is None and "type" in source and text(source["type"]) not in _ROLES:
        # An item of the Responses API (function_call, function_call_output, reasoning, ...).
        return [dict(source)] if "content" not in source else [{**source, "role": "user"}]
    role = role or text(source.get("type")) or "user"
    role = _ROLES.get(role, role)
    content, calls, results = _content(first(source, "parts", "contents", "content", "text"))
    extra = mapping(source.get("additional_kwargs"))
    calls += [call for call in map(_tool_call, _listed(first(source, "tool_calls", "toolCalls"))) if call]
    calls = calls or [call for call in map(_tool_call, _listed(extra.get("tool_calls"))) if call]
    message: dict[str, Any] = {"role": role, "content": content}
    if calls:
        message["tool_calls"] = calls
    names = {
        "tool_call_id": first(source, "tool_call_id", "toolCallId"),
        "name": source.get("name"),
    }
    message |= {key: value for key, value in names.items() if isinstance(value, str) and value}
    bare = not content and not calls
    return results if results and bare else [message, *results]


def _content(value: Any) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
    """Content in wire form, with the tool calls and tool results found among its parts."""
    if isinstance(value, str) and value[:9] in ('[{"type":', '[{"type" '):
        # Content parts written into a string; any other JSON in a string is the text itself.
        value = embedded(value)
    if value is None or isinstance(value, str):
        return value or "", [], []
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return _as_text(value), [], []
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for item in value:
        part = item if isinstance(item, Mapping) else {"type": "text", "text": _as_text(item)}
        kind = str(part.get("type", "text")).replace("-", "_")
        if kind in ("tool_call", "tool_use", "function"):
            call = _tool_call(part)
            calls += [call] if call else []
        elif kind in ("tool_call_response", "tool_result"):
            results.append(_tool_result(part))
        else:
            parts.append(_part(kind, part))
    only_text = all(part["type"] == "text" for part in parts)
    joined = "\n".join(part["text"] for part in parts if part.get("text")) if only_text else parts
    return joined, calls, results


def _part(kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    wire = _PARTS.get(kind)
    if wire is None:
        media = str(first(part, "modality", "mime_type", "mediaType") or "").split("/")[0]
        wire = _MEDIA.get(media, "file") if kind in ("blob", "uri") else "text"
    if wire not in ("text", "refusal", "reasoning"):
        return {"type": wire}
    inside = first(part, "text", "content", "refusal")
    if inside is None and not part.keys() & {"text", "content", "refusal"}:
        inside = part
    return {"type": wire, "text": _as_text(inside) if inside is not None else ""}


def _tool_call(value: Any) -> dict[str, Any] | None:
    """A tool call of any of the known shapes as Chat Completions writes it."""
    call = mapping(value)
    function = mapping(call.get("function")) or call
    name = text(first(function, "name", "toolName", "tool_name"))
    if name is None:
        return None
    arguments = first(function, "arguments", "args", "input")
    return {
        "id": text(first(call, "id", "toolCallId", "tool_call_id")),
        "type": "function",
        "function": {"name": name, "arguments": _as_text({} if arguments is None else arguments)},
    }


def _tool_result(part: Mapping[str, Any]) -> dict[str, Any]:
    output = first(part, "response", "result", "output", "content")
    return {
        "role": "tool",
        "tool_call_id": text(first(part, "id", "toolCallId", "tool_use_id", "tool_call_id")) or "",
        "content": _as_text(output) if output is not None else "",
    }


def _listed(value: Any) -> list[Any]:
    value = embedded(value)
    return value if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else encoded(value).decode()


def tool_definitions(*sources: Any) -> list[Any]:
    """Tool definitions from the first source that has any.

    A source is a list of definitions, or an object of name to definition; each definition an
    object or JSON in a string.
    """
    for source in map(embedded, sources):
        listed = list(source.values()) if isinstance(source, Mapping) else source
        if isinstance(listed, list):
            found = [_tool(tool) for tool in map(embedded, listed) if isinstance(tool, Mapping)]
            if found:
                return found
    return []


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A definition with its schema under OpenAI's name, where another tool named it otherwise."""
    for key in ("inputSchema", "input_schema"):
        if key in tool and "parameters" not in tool:
            return {("parameters" if name == key else name): value for name, value in tool.items()}
    return tool


def answer_body(value: Any, depth: int = 0) -> dict[str, Any] | None:
    """A logged output as a response body: OpenAI's own where it is one, else one made of it.

    None where there is nothing.
    """
    value = embedded(value)
    if value is None or value in ("", [], {}) or depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        if isinstance(value.get("choices"), list) or isinstance(value.get("output"), list):
            return dict(value)
        if _is_message(value):
            return _completion([value])
        inner = first(value, "generations", "messages", "message", "output", "outputs", "response", "text")
        return _completion([value]) if inner is None else answer_body(inner, depth + 1)
    if isinstance(value, list):
        return _answer_list(value, depth)
    return _completion([{"role": "assistant", "content": _as_text(value)}])


def _answer_list(value: list[Any], depth: int) -> dict[str, Any] | None:
    items = [embedded(item) for item in value]
    if items and isinstance(items[0], list):
        return answer_body(items[0], depth + 1)
    objects = [item for item in items if isinstance(item, Mapping)]
    if not objects:
        return _completion([{"role": "assistant", "content": "\n".join(map(_as_text, items))}])
    if all("message" in item for item in objects):
        return _completion([mapping(item["message"]) for item in objects], finish=_finish(objects[0]))
    if any(_is_message(item) for item in objects):
        answers = [item for item in objects if _role(item) == "assistant"]
        # A whole conversation stands in some outputs: its last message is the answer.
        return _completion(answers if len(answers) == len(objects) else objects[-1:])
    if any("toolName" in item for item in objects):
        calls = [{**item, "type": "tool_call"} for item in objects]
        return _completion([{"role": "assistant", "content": calls}])
    return _completion([{"role": "assistant", "content": objects}])


def _role(message: Mapping[str, Any]) -> str:
    wire = _wire(message)
    return str(wire[0].get("role")) if wire else ""


def _finish(source: Mapping[str, Any]) -> str | None:
    info = {
        **mapping(source.get("response_metadata")),
        **mapping(source.get("generation_info")),
        **{key: source[key] for key in ("finish_reason", "finishReason") if source.get(key)},
    }
    found = text(first(info, "finish_reason", "finishReason"))
    return found.replace("-", "_") if found else None


def _completion(messages: Iterable[Mapping[str, Any]], finish: str | None = None) -> dict[str, Any]:
    choices = []
    for index, message in enumerate(messages):
        wire = _wire(message)
        body = wire[0] if wire else {"role": "assistant", "content": ""}
        choices.append({"index": index, "message": body, "finish_reason": _finish(message) or finish})
    return {"object": "chat.completion", "choices": choices}
