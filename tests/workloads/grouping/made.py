"""Builds a labelled log: calls of the templates in `dev.py` and `heldout.py`, in a seeded mix."""

from __future__ import annotations

import importlib.util
import random
import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import msgspec

from tierwise.calls import Message, Request

HERE = Path(__file__).parent
_SLOT = re.compile(r"\{([a-z_]+(?::[a-z0-9]+)?)\}")


class Made(NamedTuple):
    """One template as it is written in the files of this folder.

    `{slot}` is filled afresh in each call; a line that starts with '?' is left out of half the
    calls; `turns` above 1 makes conversations of up to so many turns.
    """

    name: str
    calls: int
    instructions: str
    user: str
    tools: tuple[str, ...] = ()
    schema: str = ""
    endpoint: str = "chat"
    turns: int = 1
    extra_tools: tuple[str, ...] = ()
    """Tools of which each call has one or none beside `tools`."""


def load(name: str) -> ModuleType:
    """A module of this folder by name; the folder is not a package."""
    spec = importlib.util.spec_from_file_location(f"grouping_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def log(halves: tuple[str, ...], seed: int = 1, scale: float = 1.0) -> list[tuple[str, Request]]:
    """Labelled requests of the halves named, shuffled; `scale` times the calls of each template."""
    words = load("words")
    calls = []
    for half in halves:
        for fields in load(half).TEMPLATES:
            made = Made(*fields) if isinstance(fields, tuple) else Made(**fields)
            made = made._replace(calls=max(2, round(made.calls * scale)))
            calls += [(made.name, request) for request in _calls(made, words.Filler(f"{seed} {made.name}"))]
    random.Random(seed).shuffle(calls)
    return calls


def _calls(made: Made, filler) -> list[Request]:
    found: list[Request] = []
    while len(found) < made.calls:
        instructions = _filled(made.instructions, filler)
        messages = [Message(role="system", content=instructions)] if instructions else []
        tools = _tools(made, filler)
        for _ in range(filler.random.randint(1, made.turns)):
            messages.append(Message(role="user", content=_filled(made.user, filler)))
            found.append(
                Request(
                    endpoint=made.endpoint, messages=tuple(messages), tools=tools, schema=made.schema.encode()
                )
            )
            messages.append(Message(role="assistant", content=filler.fill("passage:2")))
    return found[: made.calls]


def _filled(text: str, filler) -> str:
    lines = [
        line.removeprefix("?")
        for line in text.split("\n")
        if not line.startswith("?") or filler.random.random() < 0.5
    ]
    return _SLOT.sub(lambda slot: filler.fill(slot[1]), "\n".join(lines))


def _tools(made: Made, filler) -> bytes:
    names = list(made.tools)
    filler.random.shuffle(names)
    if made.extra_tools and filler.random.random() < 0.7:
        names.append(filler.random.choice(made.extra_tools))
    if not names:
        return b""
    return msgspec.json.encode(
        [{"type": "function", "function": {"name": name, "description": f"Calls {name}."}} for name in names]
    )
