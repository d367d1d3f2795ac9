"""What a scorer reads of a request: the newest user turn, the instructions, and a few signals."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tierwise.calls import Message, Request
from tierwise.workloads import Facts, instructions_of

MOST_CHARS = 8_000
"""Characters read of each text; of a longer one the first and the last half of them."""


class Text(msgspec.Struct, frozen=True):
    """The texts of one request that are scored. Definitions of tools are left out on purpose."""

    newest: str
    """The newest user turn."""
    instructions: str = ""
    signals: tuple[str, ...] = ()
    """Short words on what was recognised, e.g. 'task: coding'; no text of the prompt."""


def ends(text: str, most: int = MOST_CHARS) -> str:
    """The first and last half of `most` characters; the whole text where it is no longer."""
    half = most // 2
    return text if len(text) <= most else text[:half] + text[-half:]


def text_of(request: Request, facts: Facts | None = None) -> Text:
    """What is scored of a request; with its facts, task, depth and role are told too."""
    told = () if facts is None else (f"task: {facts.task}", f"depth: {facts.depth}", f"role: {facts.role}")
    return Text(_newest(request.messages), instructions_of(request), told)


def _newest(messages: Sequence[Message]) -> str:
    """The user messages after the last answer; where only tools answered, the last thing the user said."""
    said: list[str] = []
    for message in reversed(messages):
        if message.role == "user":
            said.append(message.text)
        elif said and message.role == "assistant":
            break
    return "\n".join(reversed(said))
