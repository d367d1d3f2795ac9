"""Langfuse's usage details, whose input sometimes holds the cached tokens and sometimes not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tierwise.calls._formats._exports import chat_usage
from tierwise.calls._values import count, first, mapping

_TOTAL = ("total", "totalTokens", "total_tokens")
_INPUT = ("input", "promptTokens", "prompt_tokens", "input_tokens", "inputTokens")
_OUTPUT = ("output", "completionTokens", "completion_tokens", "output_tokens", "outputTokens")


def usage_of(row: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Usage in OpenAI's wire form, where input holds the cached tokens; None where none is told.

    Raises:
        BadRecord: 'impossible usage'.
    """
    details = mapping(first(row, "usageDetails", "usage_details")) or mapping(row.get("usage"))
    if first(details, *_INPUT, *_OUTPUT) is None:
        details = _flat(row)
    if first(details, *_INPUT, *_OUTPUT) is None:
        return None
    if "prompt_tokens_details" in details or "input_tokens_details" in details:
        return dict(details)
    base = {
        "input": count(first(details, *_INPUT), "input"),
        "output": count(first(details, *_OUTPUT), "output"),
    }
    inside, outside = _parts(details)
    if not inside.get("cached"):
        # Langfuse drops the Vercel SDK's count; the span's attributes still have it.
        counted = first(attributes, "ai.usage.cachedInputTokens", "gen_ai.usage.cache_read.input_tokens")
        cached, inside["cached"] = count(counted, "cached"), 0
    else:
        cached = 0
    apart = _apart(details, base, inside, outside)
    return chat_usage(
        input=base["input"] + (sum(inside.values()) if apart[0] else 0),
        output=base["output"] + (sum(outside.values()) if apart[1] else 0),
        cached=inside.get("cached", 0) or cached,
        written=inside.get("written", 0),
        audio_input=inside.get("audio", 0),
        reasoning=outside.get("reasoning", 0),
        audio_output=outside.get("audio", 0),
    )


def lane_named(row: Mapping[str, Any]) -> str | None:
    """The service tier that usage keys tell of: LangChain names the counts of such calls by it."""
    details = mapping(first(row, "usageDetails", "usage_details"))
    keys = ("input_priority", "input_flex", "output_priority", "output_flex")
    return next((key.rpartition("_")[2] for key in keys if key in details), None)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of older exports; a row of zeros is one that was not told any usage."""
    pairs = (("input", "inputUsage"), ("output", "outputUsage"), ("input", "promptTokens"),
             ("output", "completionTokens"))  # fmt: skip
    return {name: row[key] for name, key in pairs if row.get(key) not in (None, 0, "", "0")}


def _parts(details: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Parts of input and of output by kind.

    Keys seen: input_cached_tokens, input_cache_read, cache_read_input_tokens,
    prompt_details.cache_read, input_cache_creation, cache_creation_input_tokens,
    input_audio, input_audio_tokens, output_reasoning, output_reasoning_tokens,
    completion_details.reasoning, output_audio. The priority and flex variants of a key that
    LangChain writes name the same tokens under their lane.
    """
    inside: dict[str, int] = {}
    outside: dict[str, int] = {}
    for key, value in details.items():
        if key in (*_TOTAL, *_INPUT, *_OUTPUT) or isinstance(value, Mapping):
            continue
        side, kind = _kind(key)
        if kind is not None:
            into = outside if side == "output" else inside
            into[kind] = into.get(kind, 0) + count(value, key)
    return inside, outside


def _kind(key: str) -> tuple[str, str | None]:
    name = key.lower()
    if name.endswith(("priority", "flex")):
        return "input", None
    if "reasoning" in name:
        return "output", "reasoning"
    if "creation" in name or "write" in name:
        return "input", "written"
    if "cach" in name:
        return "input", "cached"
    if "audio" in name:
        return ("output" if name.startswith(("output", "completion")) else "input"), "audio"
    return "input", None


def _apart(
    details: Mapping[str, Any],
    base: Mapping[str, int],
    inside: Mapping[str, int],
    outside: Mapping[str, int],
) -> tuple[bool, bool]:
    """Whether the parts stand beside input, and beside output, rather than inside them.

    Langfuse means its keys to be disjoint and prices them so, and its own handlers subtract
    the parts; but others (the JavaScript OpenAI wrapper, OpenInference spans) send OpenAI's
    overlapping counts as they are. The total tells: it is OpenAI's own, or the sum of
    disjoint keys. Where it fits neither, or is missing, disjoint is taken, as Langfuse documents.
    """
    total = first(details, *_TOTAL)
    if total is None:
        return True, True
    told = count(total, "total")
    plain = base["input"] + base["output"]
    parts_in, parts_out = sum(inside.values()), sum(outside.values())
    for apart, whole in (
        ((True, True), plain + parts_in + parts_out),
        ((False, False), plain),
        ((True, False), plain + parts_in),
        ((False, True), plain + parts_out),
    ):
        if told == whole:
            return apart
    return True, True
