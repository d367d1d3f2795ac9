"""A plausible prompt cache: exact prefixes, 1,024 tokens and up, in steps, forgotten when idle.

Written only to give the sample log cached counts that hang together: it knows nothing of the
simulation in the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import Random

STEP = 512
"""Characters between two places where a prefix may end."""
LEAST = 1024
IDLE = {"gpt-5.5": 1800.0}
"""Seconds that a prefix stays warm without use, by model."""
IDLE_ELSE = 450.0
SPACING = {"gpt-5.5": 2048}
"""Tokens between two places where a cached prefix may end, by model."""
SPACING_ELSE = 128
OVERFLOW = 0.06
"""Share of calls that land on another machine and find nothing."""


class PromptCache:
    """Prefixes seen so far, with the time of their last use. Ask in the order of time."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._seen: dict[bytes, float] = {}

    def cached(self, model: str, partition: str, pieces: Sequence[tuple[str, int]], at: float) -> int:
        """Tokens of the prompt that were warm at `at` (seconds); the whole prompt is warm after.

        `partition` names what no prefix is shared across (model and effort); `pieces` are the prompt's texts with their tokens, in the order the API renders them.
        """
        idle = IDLE.get(model, IDLE_ELSE)
        digest = blake2b(partition.encode(), digest_size=8)
        warm, so_far, broken = 0.0, 0.0, self._rng.random() < OVERFLOW
        for text, tokens in pieces:
            rate = tokens / len(text) if text else 0.0
            for start in range(0, len(text), STEP):
                chunk = text[start : start + STEP]
                digest.update(chunk.encode("utf-8", "surrogatepass"))
                so_far += len(chunk) * rate
                place = digest.digest()
                last = self._seen.get(place)
                broken = broken or last is None or at - last > idle
                if not broken:
                    warm = so_far
                self._seen[place] = at
        spacing = SPACING.get(model, SPACING_ELSE)
        whole = int(warm) // spacing * spacing
        return whole if whole >= LEAST else 0
