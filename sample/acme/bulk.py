"""A large log in little time: a few thousand calls rendered once, then written again and again.

Each pass gives response ids, traces, sessions, users and the users' longer messages a mark of
its own and moves the times, so that conversations still continue, prefixes still match, and no
two passes ask the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from acme import clock, wire
from acme.plan import Planned

BASE = 5000
"""Calls rendered once, at most."""
CHUNK = 50
"""Calls of one pass that are written before the next pass has its turn: the log stays nearly in
the order of time and mixes workloads."""
STEP = 17
"""Seconds by which each pass is later than the one before."""
_PASS, _SENT, _MINUTE, _SECOND = "@@PASS@@", "@@SENT@@", "@@MINUTE@@", "@@SECOND@@"
_HOLES = re.compile(rb"@@(PASS|SENT|MINUTE|SECOND)@@")
_LONG = 40
"""Characters from which a user's message takes the mark; 'thanks!' stays 'thanks!'."""
_FILLER = (
    "For context, this is what we know so far. The item left the line in week {n} and was checked twice. "
    "Two colleagues looked at it and noted nothing unusual beside a loose label. The file number is {n}. "
    "The customer's side of the matter is in the attachment and agrees with the above on every point. "
    "Nothing in this paragraph changes what is asked. "
)


def base(count: int) -> int:
    """How many calls to render for a log of `count` lines, so that all passes are nearly whole."""
    return -(-count // -(-count // BASE))


def prepared(calls: Sequence[Planned], mean: int) -> list[Planned]:
    """Planned calls, not yet metered, with marks in them and padded to about `mean` bytes a line."""
    marked = [_marked(call) for call in sorted(calls, key=lambda call: call.at)]
    sizes = [len(wire.line(call)) for call in marked]
    firsts: dict[str, int] = {}
    for call, size in zip(marked, sizes, strict=True):
        firsts.setdefault(_thread(call), size)
    # All calls of a conversation get the same padding, or their prefixes would no longer match.
    starts = [firsts[_thread(call)] for call in marked]
    least = _least(sizes, starts, mean)
    return [_padded(call, least - start) for call, start in zip(marked, starts, strict=True)]


def _thread(call: Planned) -> str:
    return call.session or call.trace or call.reply_id


def _least(sizes: Sequence[int], starts: Sequence[int], mean: int) -> int:
    """The size that first lines are padded to, so that the mean of all lines is `mean` bytes."""
    low, high = 0, 16 * mean
    while high - low > 8:
        middle = (low + high) // 2
        total = sum(size + max(0, middle - start) for size, start in zip(sizes, starts, strict=True))
        low, high = (middle, high) if total < mean * len(sizes) else (low, middle)
    return low


def _marked(call: Planned) -> Planned:
    messages: list[dict[str, Any]] = deepcopy(call.messages)
    for message in messages:
        if message.get("role") == "user" and len(message["content"]) >= _LONG:
            message["content"] += f" [{_PASS}]"

    def marked(text: str | None) -> str | None:
        return None if text is None else f"{text}-{_PASS}"

    return replace(
        call,
        messages=messages,
        instructions=call.instructions.replace("Session ", f"Session {_PASS}", 1),
        reply_id=f"{call.reply_id[:-8]}{_PASS}",
        session=marked(call.session),
        trace=marked(call.trace),
        user=marked(call.user),
    )


def _padded(call: Planned, padding: int) -> Planned:
    """The call with filler at the end of the first user message."""
    if padding > 0 and call.messages[0].get("role") == "user":
        number = 1000 + padding % 9000
        filler = _FILLER.format(n=number) * (padding // len(_FILLER) + 1)
        call.messages[0]["content"] += " " + filler[:padding]
    return call


def _skeleton(call: Planned) -> tuple[float, list[bytes], list[tuple[int, bytes]]]:
    """When it was sent, the line in pieces with empty places between, and what belongs in each place."""
    text = wire.line(call)
    for known, hole in (
        (clock.stamp(call.at), _SENT),
        (clock.minute(call.at), _MINUTE),
        (f'"created":{int(call.at)}', f'"created":{_SECOND}'),
        (f'"created_at":{int(call.at)}', f'"created_at":{_SECOND}'),
    ):
        text = text.replace(known.encode(), hole.encode())
    pieces = _HOLES.split(text)
    holes = [(place, pieces[place]) for place in range(1, len(pieces), 2)]
    return call.at, pieces, holes


def _filled(skeleton: tuple[float, list[bytes], list[tuple[int, bytes]]], mark: bytes, later: int) -> bytes:
    at, pieces, holes = skeleton
    sent = clock.stamp(at + later).encode()
    values = {
        b"PASS": mark,
        b"SENT": sent,
        b"MINUTE": sent[:16].replace(b"T", b" "),
        b"SECOND": b"%d" % (at + later),
    }
    for place, kind in holes:
        pieces[place] = values[kind]
    return b"".join(pieces)


def _chunks(calls: Sequence[Planned], count: int) -> Iterator[bytes]:
    skeletons = [_skeleton(call) for call in sorted(calls, key=lambda call: call.at)]
    passes = -(-count // len(skeletons))
    marks = [b"%08x" % number for number in range(passes)]
    for start in range(0, len(skeletons), CHUNK):
        for number, mark in enumerate(marks):
            some = skeletons[start : min(start + CHUNK, count - number * len(skeletons))]
            if some:
                yield b"\n".join([_filled(skeleton, mark, number * STEP) for skeleton in some])


def write(calls: Sequence[Planned], out: Path, count: int) -> int:
    """Write `count` lines made of prepared and metered calls, uncompressed; return the count."""
    with out.open("wb", buffering=1 << 20) as sink:
        for chunk in _chunks(calls, count):
            sink.write(chunk)
            sink.write(b"\n")
    return count
