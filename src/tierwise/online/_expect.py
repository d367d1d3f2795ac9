"""What a call is expected to use as asked: learned where calls like it were seen, else stated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tierwise.calls import Message, Request
from tierwise.catalog import MOST_TOKENS, Model, Tokens, count_tokens
from tierwise.policy import EFFORT_PERMILLE
from tierwise.workloads import Facts

ASSUMED_OUTPUT: Final = 400
"""Visible output tokens of a call without history. Assumed, and said so."""
ASSUMED_REASONING: Final = 800
"""Reasoning tokens at medium effort of a call without history. Assumed, and said so."""
PER_MESSAGE: Final = 4
"""Tokens that framing a message takes, about. Source: OpenAI's cookbook on counting."""
MOST_COUNTED: Final = 20_000_000
"""Characters of one request beyond which nothing is counted exactly: the estimate stands."""

SLICES: Final = 8
SLICE: Final = 500
"""Characters of a slice: eight of them take a millisecond to count."""

Answer = tuple[int, int]
"""Visible output and reasoning tokens."""
Count = Callable[[str], int]


def expected_use(
    facts: Facts, effort: str | None, learned: Answer | None, *, input_tokens: int, cached: int, writes: bool
) -> Tokens:
    """Tokens expected of a call on the model it asks for.

    Args:
        facts: Of the call.
        effort: The effort it runs at there; None where the model does not reason.
        learned: What calls like it used; None states lengths.
        input_tokens: Of the whole prompt.
        cached: Of them expected to be read from the cache.
        writes: Whether the model charges for what it writes to the cache.
    """
    output, reasoning = learned or stated(effort)
    cap = facts.max_output_tokens
    if cap is not None:
        # The cap covers both, and reasoning comes first.
        reasoning = min(reasoning, cap)
        output = min(output, cap - reasoning)
    whole = min(input_tokens, MOST_TOKENS)
    cached = min(cached, whole)
    rest = whole - cached
    written = rest if writes and whole >= 1024 else 0
    return Tokens(uncached=rest - written, cached=cached, written=written, output=output, reasoning=reasoning)


def stated(effort: str | None) -> Answer:
    """Lengths of an answer that nothing is known of."""
    return ASSUMED_OUTPUT, ASSUMED_REASONING * EFFORT_PERMILLE.get(effort or "none", 0) // 1000


def input_tokens(
    request: Request, facts: Facts, body: int, windows: Iterable[int], count: Count = count_tokens
) -> int:
    """Input tokens of a request: the estimate, or exact near the limit of a window.

    Every token of text takes a byte of the body at least, so a request with fewer bytes than a
    window has tokens fits it for sure. Where it has more, slices of its text are counted, since an
    estimate may be far off for text that is no prose; and if what they come to is within a factor
    of two of the limit, all of it is. Images, files and audio have tokens that no text tells;
    their estimate stands.

    Args:
        request: As parsed.
        facts: Its facts, with the estimate.
        body: Bytes of the request.
        windows: Limits on the input that matter, in tokens.
        count: Exact tokens of a text, remembered by whoever gives it.
    """
    estimate = facts.input_tokens
    limits = [limit for limit in windows if body > limit]
    if not limits or body > MOST_COUNTED or {"images", "files", "audio"} & facts.needs:
        return estimate
    said = [text for message in request.messages for text in texts(message)]
    about = max(estimate, by_slices(said, count))
    if not any(limit // 2 <= about <= limit * 2 for limit in limits):
        return about
    fixed = facts.template.tools_tokens + facts.template.schema_tokens
    return fixed + PER_MESSAGE * len(request.messages) + sum(map(count, said))


def by_slices(said: list[str], count: Count) -> int:
    """Tokens of texts by those of slices of the long ones, which hold nearly all of a huge request."""
    tokens = 0
    for text in said:
        step = len(text) // SLICES
        if step <= SLICE:
            tokens += len(text) // 3
            continue
        slices = [text[at : at + SLICE] for at in range(0, SLICES * step, step)]
        tokens += sum(map(count, slices)) * len(text) // (SLICES * SLICE)
    return tokens


def texts(message: Message) -> list[str]:
    """Every text of a message: content, and what tools were called with and gave back."""
    found = [message.text]
    for call in message.tool_calls or ():
        if call.function is not None:
            found += [call.function.name or "", call.function.arguments or ""]
    for raw in (message.arguments, message.output):
        if bytes(raw):
            found.append(bytes(raw).decode("utf-8", "replace"))
    return [text for text in found if text]


def windows_of(models: Iterable[Model], output: int) -> tuple[int, ...]:
    """Limits on the input of a call that may write `output` tokens, for each of the models."""
    limits = set()
    for model in models:
        if model.max_input is not None:
            limits.add(model.max_input)
        if model.context is not None:
            limits.add(max(1, model.context - min(output, model.max_output or output)))
    return tuple(sorted(limits))
