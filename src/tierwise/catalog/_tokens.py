"""Token counts of one call, made disjoint once, so that every sum after this is plain."""

from __future__ import annotations

import msgspec

from tierwise.errors import ImpossibleUsage

KINDS = (
    "uncached",
    "cached",
    "written",
    "written_12h",
    "audio_input",
    "audio_cached",
    "output",
    "reasoning",
    "audio_output",
)
"""Every kind of token that is billed, in the order of `Tokens`' fields."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Disjoint, non-negative token counts: their sum is what the call used, nothing twice.

    OpenAI reports overlapping counts (cached and written inside input, reasoning inside
    output); `disjoint_tokens` is the one place that takes them apart.
    """

    uncached: int = 0
    """Input billed at the full input rate: text and images, neither cached nor written."""
    cached: int = 0
    """Input read from the prompt cache."""
    written: int = 0
    """Input written to the cache for 30 minutes, billed at the write rate instead of the input rate."""
    written_12h: int = 0
    """Input written to the cache for 12 hours."""
    audio_input: int = 0
    """Audio input that was not cached."""
    audio_cached: int = 0
    """Audio input read from the cache."""
    output: int = 0
    """Visible text output."""
    reasoning: int = 0
    """Output spent on reasoning, billed as output."""
    audio_output: int = 0
    """Audio output."""

    @property
    def input_total(self) -> int:
        """All input tokens, the count that the long-context threshold looks at."""
        return (
            self.uncached
            + self.cached
            + self.written
            + self.written_12h
            + self.audio_input
            + self.audio_cached
        )

    @property
    def output_total(self) -> int:
        """All output tokens, reasoning and audio included."""
        return self.output + self.reasoning + self.audio_output


MOST_TOKENS = 2**31 - 1
"""Bound on one count: a thousand times the largest context; above it a log is damaged."""


def _checked(name: str, count: object) -> int:
    if type(count) is not int:
        raise ImpossibleUsage(f"{name} must be a whole number of tokens, got {count!r:.60}")
    if count < 0:
        raise ImpossibleUsage(f"{name} is negative ({count}); token counts start at 0")
    if count > MOST_TOKENS:
        raise ImpossibleUsage(f"{name} is {count}, more than any call can hold ({MOST_TOKENS})")
    return count


_CONTAINED = (
    ("cached", "input"),
    ("written", "input"),
    ("written_12h", "input"),
    ("audio_input", "input"),
    ("audio_cached", "cached"),
    ("audio_cached", "audio_input"),
    ("reasoning", "output"),
    ("audio_output", "output"),
)
"""(part, whole): no part may exceed what contains it."""


def _refuse_contradictions(counts: dict[str, int]) -> None:
    for part, whole in _CONTAINED:
        if counts[part] > counts[whole]:
            raise ImpossibleUsage(
                f"{part} ({counts[part]}) exceeds {whole} ({counts[whole]}), which contains it"
            )
    cached, audio, read = counts["cached"], counts["audio_input"], counts["input"]
    if cached + audio - counts["audio_cached"] > read:
        raise ImpossibleUsage(f"cached ({cached}) and audio_input ({audio}) exceed input ({read})")
    reasoning, spoken, output = counts["reasoning"], counts["audio_output"], counts["output"]
    if reasoning + spoken > output:
        raise ImpossibleUsage(f"reasoning ({reasoning}) and audio_output ({spoken}) exceed output ({output})")


def disjoint_tokens(
    *,
    input: int,
    output: int = 0,
    cached: int = 0,
    written: int = 0,
    written_12h: int = 0,
    audio_input: int = 0,
    audio_cached: int = 0,
    reasoning: int = 0,
    audio_output: int = 0,
) -> Tokens:
    """Take OpenAI's overlapping counts apart.

    `input` contains `cached`, `written`, `written_12h` and `audio_input`; `cached` and
    `audio_input` both contain `audio_cached`; `output` contains `reasoning` and
    `audio_output`. All are tokens, at least 0 and below 2**31.

    Written tokens beyond what `cached` leaves of the input are input already counted as
    read, so the written count gives way rather than letting uncached fall below 0.

    Raises:
        ImpossibleUsage: a count is negative, not whole, too large, or exceeds the count
            that contains it; the message names both.
    """
    counts = {
        "input": input,
        "output": output,
        "cached": cached,
        "written": written,
        "written_12h": written_12h,
        "audio_input": audio_input,
        "audio_cached": audio_cached,
        "reasoning": reasoning,
        "audio_output": audio_output,
    }
    for name, count in counts.items():
        _checked(name, count)
    _refuse_contradictions(counts)
    text_cached = cached - audio_cached
    audio_uncached = audio_input - audio_cached
    room = input - text_cached - audio_uncached - audio_cached
    written = min(written, room)
    written_12h = min(written_12h, room - written)
    return Tokens(
        uncached=room - written - written_12h,
        cached=text_cached,
        written=written,
        written_12h=written_12h,
        audio_input=audio_uncached,
        audio_cached=audio_cached,
        output=output - reasoning - audio_output,
        reasoning=reasoning,
        audio_output=audio_output,
    )
