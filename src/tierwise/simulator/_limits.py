"""Rate limits: buckets of requests and tokens a minute for each model, and their headers."""

from __future__ import annotations

import msgspec

from tierwise.simulator._errors import Refusal


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the account may do. The defaults are those of a large account."""

    requests: int = 30_000
    """A minute and model."""
    tokens: int = 150_000_000
    """A minute and model; a request counts its output cap or its estimated length, whichever is more."""
    enqueued_tokens: int = 15_000_000_000
    """Input tokens of unfinished batches, a model."""
    batches: int = 2_000
    """Batches created an hour."""


class Buckets:
    """Tokens and requests left, refilled continuously."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._left: dict[str, tuple[float, float, float]] = {}

    def take(self, model: str, tokens: int, now: float) -> dict[str, str]:
        """Count one request; returns the headers to send, raises the 429 (which counts, too)."""
        requests_left, tokens_left, before = self._left.get(
            model, (float(self.limits.requests), float(self.limits.tokens), now)
        )
        passed = max(0.0, now - before) / 60
        requests_left = min(self.limits.requests, requests_left + passed * self.limits.requests) - 1
        tokens_left = min(self.limits.tokens, tokens_left + passed * self.limits.tokens) - tokens
        over = "requests" if requests_left < 0 else "tokens" if tokens_left < 0 else None
        if over == "tokens":
            tokens_left += tokens
        self._left[model] = (max(requests_left, 0.0), max(tokens_left, 0.0), now)
        headers = self._headers(max(requests_left, 0.0), max(tokens_left, 0.0))
        if over:
            raise self._refusal(model, over, requests_left, tokens_left, tokens, headers)
        return headers

    def _headers(self, requests_left: float, tokens_left: float) -> dict[str, str]:
        limits = self.limits
        return {
            "x-ratelimit-limit-requests": str(limits.requests),
            "x-ratelimit-limit-tokens": str(limits.tokens),
            "x-ratelimit-remaining-requests": str(int(requests_left)),
            "x-ratelimit-remaining-tokens": str(int(tokens_left)),
            "x-ratelimit-reset-requests": span((limits.requests - requests_left) * 60 / limits.requests),
            "x-ratelimit-reset-tokens": span((limits.tokens - tokens_left) * 60 / limits.tokens),
        }

    def _refusal(
        self, model: str, over: str, requests: float, left: float, asked: int, headers: dict[str, str]
    ) -> Refusal:
        if over == "requests":
            limit, used, more = self.limits.requests, self.limits.requests, 1
            wait = -requests * 60 / limit
        else:
            limit, more = self.limits.tokens, asked
            used = int(limit - left)
            wait = (asked - left) * 60 / limit
        letters = "RPM" if over == "requests" else "TPM"
        return Refusal(
            429,
            f"Rate limit reached for {model} in organization org-simulator on {over} per min ({letters}): "
            f"Limit {limit}, Used {used}, Requested {more}. Please try again in {span(wait)}. "
            "Visit https://platform.openai.com/account/rate-limits to learn more.",
            kind=over,
            code="rate_limit_exceeded",
            headers=headers
            | {"retry-after": str(max(1, round(wait))), "retry-after-ms": str(max(1, round(wait * 1000)))},
        )


def span(seconds: float) -> str:
    """Seconds as the rate limit headers write them: '20ms', '1.5s', '6m0s'."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms"
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s"
