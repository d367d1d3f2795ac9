"""Faults on demand: which requests are struck, and how each refusal reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from tierwise.errors import ConfigurationError
from tierwise.simulator._draw import Dice
from tierwise.simulator._errors import Refusal

Kind = Literal[
    "rate_limit", "slow_down", "flex_unavailable", "credit_balance", "organization_spend", "project_spend",
    "organization_usage", "server_error", "bad_gateway", "overloaded", "gateway_timeout", "failed",
    "slow_first_byte", "slow_bytes", "cut", "close_early", "malformed", "reset", "lost", "downgrade",
    "batch_duplicate", "batch_expired", "batch_line_error", "batch_token_limit",
]  # fmt: skip
"""What goes wrong.

Refused, not billed: rate_limit, slow_down, flex_unavailable (flex requests only), credit_balance,
organization_spend, project_spend, organization_usage (429); server_error (500), bad_gateway (502),
overloaded (503), gateway_timeout (504); reset (the connection closes without a byte).
Answered and billed: slow_first_byte, slow_bytes, cut (the connection breaks in the answer),
close_early (it ends cleanly before its end), malformed (a line or body that is no JSON), lost (the
connection closes without a byte after the work was done), downgrade (a fast request served as
standard). Answered and not billed: failed (Responses only: HTTP 200 with status 'failed').
Batch, counted per batch: batch_duplicate (some lines come twice), batch_expired (only part is done),
batch_line_error (some lines fail), batch_token_limit (over the enqueued limit).
"""

_REFUSALS: Final[dict[str, tuple[int, str, str, str | None]]] = {
    "rate_limit": (429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    "slow_down": (429, "Traffic is increasing too quickly. Please slow down.", "requests", "slow_down"),
    "flex_unavailable": (429, "Resource Unavailable", "rate_limit_error", "resource_unavailable"),
    "credit_balance": (429, "You have run out of credits.", "insufficient_quota", "credit_balance_exhausted"),
    "organization_spend": (
        429, "Your organization has reached its spend limit.", "insufficient_quota", "organization_spend_limit_exceeded",
    ),
    "project_spend": (
        429, "Your project has reached its spend limit.", "insufficient_quota", "project_spend_limit_exceeded",
    ),
    "organization_usage": (
        429, "Your organization has reached its usage limit.", "insufficient_quota", "organization_usage_limit_exceeded",
    ),
    "server_error": (500, "The server had an error while processing your request. Sorry about that!", "server_error", None),
    "bad_gateway": (502, "Bad gateway.", "server_error", None),
    "overloaded": (503, "The server is currently overloaded. Please try again later.", "server_error", "server_is_overloaded"),
    "gateway_timeout": (504, "Gateway timeout.", "server_error", None),
}  # fmt: skip


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong, at a rate or at given requests.

    Requests are counted from 1, for each fault apart, over the requests whose path contains `path`
    (batches, for the kinds that start with 'batch_').
    """

    kind: Kind
    rate: float = 0.0
    """Share of requests, drawn by the seed."""
    at: tuple[int, ...] = ()
    """Requests by number; added to those that `rate` draws."""
    path: str = ""
    """Part of the path, such as '/chat/completions'; then gets count, too. By default all posts do."""
    seconds: float = 1.0
    """For slow_first_byte, and between chunks for slow_bytes; for 429s, the `retry-after`."""
    after: int | None = None
    """For cut, close_early and malformed: events sent before; half of them by default."""
    share: float = 0.5
    """For the batch kinds: the share of lines concerned."""

    def __post_init__(self) -> None:
        """Refuse what can never strike."""
        if not 0 <= self.rate <= 1 or not 0 <= self.share <= 1 or self.seconds < 0:
            raise ValueError("rate and share lie between 0 and 1, seconds are not negative")
        if not self.rate and not self.at:
            raise ValueError("a fault needs a rate or request numbers (`at`)")


class Faults:
    """The faults of one simulator, with their counts."""

    def __init__(self, faults: Sequence[Fault], dice: Dice) -> None:
        self._faults = list(faults)
        self._dice = dice
        self._seen = [0] * len(self._faults)

    def add(self, fault: Fault) -> None:
        """One more; it counts from here."""
        self._faults.append(fault)
        self._seen.append(0)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._faults, self._seen = [], []

    def strike(self, path: str, *, posted: bool = True, tier: str = "", batch: bool = False) -> Fault | None:
        """The fault of this request, the first one that is due; all counts go on."""
        found = None
        for index, fault in enumerate(self._faults):
            if fault.kind.startswith("batch_") is not batch or fault.path not in path:
                continue
            if (fault.kind == "flex_unavailable" and tier != "flex") or not (posted or fault.path):
                continue
            self._seen[index] += 1
            number = self._seen[index]
            due = number in fault.at or (
                fault.rate > 0 and self._dice.share("fault", index, fault.kind, number) < fault.rate
            )
            if due and found is None:
                found = fault
        return found


def refusal(fault: Fault) -> Refusal | None:
    """The error that this fault answers with, None where it answers otherwise."""
    form = _REFUSALS.get(fault.kind)
    if form is None:
        return None
    status, message, kind, code = form
    headers = {}
    if fault.kind in {"rate_limit", "slow_down", "overloaded"}:
        headers["retry-after"] = f"{fault.seconds:g}"
        headers["retry-after-ms"] = str(round(fault.seconds * 1000))
    return Refusal(status, message, kind=kind, code=code, headers=headers)


def read_faults(path: Path) -> list[Fault]:
    """Faults from a JSON file: an array of objects with the fields of `Fault`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Fault])
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigurationError(f"{path}: expected a JSON array of faults: {error}") from None


def parse_fault(text: str) -> Fault:
    """A fault from the command line: `KIND:0.1` for a rate, `KIND@3,5` for request numbers."""
    kind, found = text, {}
    if ":" in text:
        kind, _, rate = text.partition(":")
        found = {"rate": _number(rate, text)}
    elif "@" in text:
        kind, _, numbers = text.partition("@")
        found = {"at": [int(_number(n, text)) for n in numbers.split(",")]}
    try:
        return msgspec.convert({"kind": kind, **found}, Fault)
    except (msgspec.ValidationError, ValueError) as error:
        kinds = ", ".join(get_args(Kind))
        raise ConfigurationError(
            f"expected a fault as KIND:RATE or KIND@NUMBER,NUMBER, got {text!r}: {error}. Kinds: {kinds}"
        ) from None


def _number(text: str, whole: str) -> Any:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"expected a number in {whole!r}, got {text!r}") from None
