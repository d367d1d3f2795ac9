"""A request's messages as growing prefixes: one running hash, and where the newest turn begins.

What the model returned between two sends is a run: an assistant message, or several items of
one response. Everything before the last run is exactly the whole prompt of the call before,
and so its digest equals that call's digest of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tierwise.calls import Message, Part, Request

_MODEL_ITEMS = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "reasoning",
        "computer_call",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "tool_search_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "program",
    }
)
"""Items of Responses that the model returned and the caller sends back."""
_NO_RAW = Message().arguments
"""What a message holds that has neither arguments nor output."""
_SYSTEM = frozenset({"system", "developer"})
_PLAIN = frozenset({None, "message"})


class Walk(msgspec.Struct, frozen=True, gc=False):
    """What one pass over the messages after the instructions finds. Positional, for speed."""

    before: bytes
    """Frames of everything before the last run of the model."""
    after: bytes
    """Frames of that run and the newest turn."""
    before_chars: int
    after_chars: int
    tail_chars: int
    tail_bytes: int
    """Size of the newest turn alone."""
    first: str
    """Text of the first user message."""
    newest: str
    """What the user said last: text of the newest turn, else of the last user message before."""
    answers_tools: bool
    """The newest turn holds results of tools and nothing said by the user."""
    turn: int
    """Runs of the model: responses already in the prompt."""
    media: frozenset[str]
    """Of images, files, audio: parts whose content a Request does not carry."""


_NO_MEDIA: frozenset[str] = frozenset()


def leading_instructions(messages: Sequence[Message]) -> tuple[int, str]:
    """How many messages lead as instructions (system or developer), and their text."""
    count = 0
    for message in messages:
        if message.role not in _SYSTEM or message.type not in _PLAIN:
            break
        count += 1
    if count == 0:
        return 0, ""
    if count == 1:
        content = messages[0].content
        return 1, content if type(content) is str else messages[0].text
    return count, "\n".join(message.text for message in messages[:count])


def instructions_of(request: Request) -> str:
    """The leading system and developer messages, joined by a line break; '' without any."""
    return leading_instructions(request.messages)[1]


def media_of(parts: Sequence[Part]) -> frozenset[str]:
    """Kinds of content other than text among the parts of a message."""
    found = set()
    for part in parts:
        kind = part.type
        if "image" in kind:
            found.add("images")
        elif "file" in kind:
            found.add("files")
        elif "audio" in kind:
            found.add("audio")
    return frozenset(found) if found else _NO_MEDIA


def _is_model_item(message: Message) -> bool:
    kind = message.type
    if kind is None or kind == "message":
        return message.role == "assistant"
    # A hosted tool search has no call id: its output came in the same response.
    return kind in _MODEL_ITEMS or (kind == "tool_search_output" and not message.call_id)


def _extras(message: Message) -> bytes:
    """Everything of a message beside role and text: calls, ids, results."""
    parts = [message.type, message.name, message.tool_call_id, message.call_id]
    for call in message.tool_calls or ():
        inner = call.function
        parts += [call.id, call.type, *((inner.name, inner.arguments) if inner is not None else ())]
    found = "\x1f".join([part or "" for part in parts]).encode("utf-8", "surrogatepass")
    for raw in (message.arguments, message.output):
        if raw is _NO_RAW:
            found += b"\x1d0\x1f"
        else:
            data = bytes(raw)
            found += b"\x1d%d\x1f%b" % (len(data), data)
    return found


def _single(text: str) -> Walk:
    """What `walk` finds in one user message, as most prompts have it after their instructions."""
    size = len(text)
    frame = f"\x1euser\x1f{size}\x1f{text}".encode("utf-8", "surrogatepass")
    return Walk(b"", frame, 0, size, size, len(frame), text, text, False, 0, _NO_MEDIA)


def walk(messages: Sequence[Message], start: int) -> Walk:
    """Read the messages from `start` on. The common ones, a role and a string, take the short ways."""
    if len(messages) == start + 1:
        only = messages[start]
        if only.role == "user" and only.type is None and type(only.content) is str and only.content:
            return _single(only.content)
    return _walk(messages[start:] if start else messages)


def _walk(messages: Sequence[Message]) -> Walk:
    frames: list[bytes] = []
    run_start = run_end = turn = chars = before_chars = tail_from = 0
    first = said = newest = ""
    heard = tools = in_run = False
    media: frozenset[str] = _NO_MEDIA
    for message in messages:
        content, role = message.content, message.role
        if type(content) is str:
            text = content
        elif content:
            text = message.text
            media |= media_of(content)  # type: ignore[arg-type]  # a list here
        else:
            text = ""
        size = len(text)
        frame = f"\x1e{role}\x1f{size}\x1f{text}".encode("utf-8", "surrogatepass")
        if message.type is None and (role == "user" or (role == "assistant" and not message.tool_calls)):
            model = role == "assistant"
        else:
            model = _is_model_item(message)
            more = _extras(message)
            frame += more
            size += len(more)
        if model:
            if not in_run:
                in_run = True
                turn += 1
                run_start, before_chars = len(frames), chars
                heard = tools = False
            frames.append(frame)
            chars += size
            run_end, tail_from = len(frames), chars
            continue
        in_run = False
        frames.append(frame)
        chars += size
        if role == "user" and text:
            if not said:
                first = text
            said = text
            newest = f"{newest}\n{text}" if heard else text
            heard = True
        elif role not in _SYSTEM:
            tools = True
    return Walk(
        b"".join(frames[:run_start]) if run_start else b"",
        b"".join(frames[run_start:] if run_start else frames),
        before_chars,
        chars - before_chars,
        chars - tail_from,
        sum(map(len, frames[run_end:])),
        first,
        newest if heard else said,
        tools and not heard,
        turn,
        media,
    )
