"""Usage and latency of planned calls: counted tokens, a simulated cache, a plausible pace."""

from __future__ import annotations

from random import Random

from acme.cache import PromptCache
from acme.plan import Planned
from acme.tokens import MESSAGE_OVERHEAD, REPLY_OVERHEAD, Counter

_PACE = {"gpt-5.5": 70, "gpt-5.4": 90, "gpt-5.4-mini": 150, "gpt-5.4-nano": 200}
"""Output tokens a second, by model; 100 elsewhere."""
_TOOL_OVERHEAD = 8
"""Tokens around each tool definition, of the order of the cookbook's constants."""


def pieces(call: Planned, count: Counter) -> list[tuple[str, int]]:
    """The prompt's texts with their tokens, in the order the API renders them: tools, schema, messages."""
    parts = [(tool, count(tool) + _TOOL_OVERHEAD) for tool in call.tools]
    if call.schema:
        parts.append((call.schema, count(call.schema)))
    if call.instructions:
        first, mark, rest = call.instructions.partition("\n\n")
        parts.append((first + mark, count(first) + count(mark)))
        parts.append((rest, count(rest) + MESSAGE_OVERHEAD))
    for message in call.messages:
        parts += [(text, count(text) + MESSAGE_OVERHEAD) for text in _texts(message)]
    return parts


def _texts(message: dict[str, object]) -> list[str]:
    texts = [message[name] for name in ("content", "name", "arguments", "output") if name in message]
    for made in message.get("tool_calls") or ():  # type: ignore[attr-defined]  # a list of dicts where present
        texts += [made["function"]["name"], made["function"]["arguments"]]
    return [text for text in texts if isinstance(text, str) and text]


def measure(calls: list[Planned], seed: int) -> None:
    """Fill in input, cached and output tokens and seconds of calls that stand in the order of time."""
    count, cache, rng = Counter(), PromptCache(Random(f"{seed}:cache")), Random(f"{seed}:pace")
    for call in calls:
        parts = pieces(call, count)
        embeds = call.endpoint == "embeddings"
        call.input = sum(tokens for _, tokens in parts) + (-MESSAGE_OVERHEAD if embeds else REPLY_OVERHEAD)
        answered = call.outcome in ("ok", "cut") and not embeds
        if answered and call.lane != "batch":
            partition = f"{call.model}/{call.effort}"
            call.cached = min(cache.cached(call.model, partition, parts, call.at), call.input // 128 * 128)
        if answered:
            made = sum(count(name) + count(arguments) + 6 for _, name, arguments in call.acts)
            call.output = count(call.answer) + made + call.reasoning
        if call.outcome == "cut":
            call.cap = call.output
        call.seconds = _seconds(call, rng)


def _seconds(call: Planned, rng: Random) -> float:
    if call.outcome == "timeout":
        return 60.0
    if call.outcome in ("404", "429", "500"):
        return rng.randrange(40, 900) / 1000
    pace = _PACE.get(call.model, 100)
    slow = {"batch": 40.0, "flex": 6.0}.get(call.lane or "", 1.0)
    first = 0.2 + (call.input - call.cached) / 40_000
    return slow * (first + call.output / pace * (0.8 + 0.4 * rng.random()))
