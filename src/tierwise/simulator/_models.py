"""The models that the simulator serves, typed by hand from OpenAI's model pages and SDK.

On purpose not the product's catalog: the two are compared by what they bill.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from tierwise.simulator._errors import Refusal, bad, not_found

Sampling = Literal["always", "at none", "never"]
"""When temperature, top_p and logprobs are accepted."""

_UP_TO_HIGH: Final = ("minimal", "low", "medium", "high")
_FIVE_ONE: Final = ("none", "low", "medium", "high")
_XHIGH: Final = ("none", "low", "medium", "high", "xhigh")
_MAX: Final = (*_XHIGH, "max")
_NO_NONE: Final = _MAX[1:]
_O_SERIES: Final = ("low", "medium", "high")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model. Token counts are whole tokens; dates are ISO days."""

    name: str
    snapshot: str
    """The name that answers carry."""
    created: int = 1_700_000_000
    context: int
    max_input: int
    """Most input tokens; equals `context` where no smaller limit is published."""
    max_output: int
    efforts: tuple[str, ...] = ()
    """Reasoning efforts accepted; empty for a model that does not reason."""
    effort: str | None = None
    """The effort where none is asked for."""
    sampling: Sampling = "never"
    generation: Literal[1, 2] = 1
    """Of prompt caching: 2 from gpt-5.6 on (breakpoints, write fees, exact counts)."""
    cache_step: int = 128
    """First generation: a prefix can be reused up to a multiple of this."""
    retention: Literal["in_memory", "24h"] | None = None
    """What answers echo where the request names none."""
    search: bool = False
    """Whether it takes `tool_search` in Responses."""
    chat_tools: Literal["always", "at none", "never"] = "always"
    """When Chat Completions takes function tools."""
    verbosity: bool = True
    phases: bool = False
    """Whether messages carry a `phase`."""
    top_p: float = 1.0
    """What Responses echoes as the default."""
    prime: int = 2
    """Tokens that open the answer: 3 on models before reasoning, 2 since."""
    fingerprint: bool = False
    shutdown: str | None = None
    sort: Literal["text", "embedding"] = "text"

    @property
    def reasons(self) -> bool:
        """Whether it reasons at all."""
        return bool(self.efforts)


def _plain(name: str, snapshot: str, context: int, output: int, shutdown: str | None) -> Model:
    return Model(
        name=name,
        snapshot=snapshot,
        context=context,
        max_input=context,
        max_output=output,
        sampling="always",
        verbosity=False,
        prime=3,
        fingerprint=True,
        shutdown=shutdown,
        retention="24h" if name == "gpt-4.1" else None,
    )


def _o(name: str, snapshot: str, shutdown: str | None) -> Model:
    return Model(
        name=name,
        snapshot=snapshot,
        context=200_000,
        max_input=200_000,
        max_output=100_000,
        efforts=_O_SERIES,
        effort="medium",
        verbosity=False,
        shutdown=shutdown,
    )


def _five(
    name: str, snapshot: str, efforts: tuple[str, ...], effort: str, shutdown: str | None = None
) -> Model:
    return Model(
        name=name,
        snapshot=snapshot,
        context=400_000,
        max_input=272_000,
        max_output=128_000,
        efforts=efforts,
        effort=effort,
        sampling="at none" if "none" in efforts else "never",
        retention="24h" if name in {"gpt-5", "gpt-5.1", "gpt-5.2"} else "in_memory",
        top_p=0.98 if name == "gpt-5.2" else 1.0,
        shutdown=shutdown,
    )


def _five_four(name: str, day: str, *, small: bool) -> Model:
    newest = name == "gpt-5.5"
    return Model(
        name=name,
        snapshot=f"{name}-{day}",
        context=400_000 if small else 1_050_000,
        max_input=272_000 if small else 922_000,
        max_output=128_000,
        efforts=_XHIGH,
        effort="medium" if newest else "none",
        sampling="at none",
        cache_step=2_048 if newest else 128,
        retention="in_memory" if small else "24h",
        search=name != "gpt-5.4-nano",
        chat_tools="at none",
        phases=True,
        top_p=0.98,
        shutdown="2027-04-01" if name == "gpt-5.4-nano" else None,
    )


def _six(name: str) -> Model:
    none = name.startswith("gpt-5.6") or name in {"gpt-6-sol", "gpt-6-luna", "gpt-6.1-terra"}
    return Model(
        name=name,
        snapshot=name,
        context=1_050_000,
        max_input=922_000,
        max_output=128_000,
        efforts=_MAX if none else _NO_NONE,
        effort="medium",
        sampling="at none" if none else "never",
        generation=2,
        retention="24h",
        search=True,
        chat_tools="at none" if none else "never",
        phases=True,
        top_p=0.98,
    )


def _embedding(name: str) -> Model:
    return Model(name=name, snapshot=name, context=8_192, max_input=8_192, max_output=0, sort="embedding")


ALIASES: Final = {"gpt-5.6": "gpt-5.6-sol"}


def every_model() -> tuple[Model, ...]:
    """All models, newest family first."""
    newest = (
        "gpt-6.2-astra", "gpt-6.2-sol", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-astra", "gpt-6-sol", "gpt-6-luna",
        "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna",
    )  # fmt: skip
    return (
        *map(_six, newest),
        _five_four("gpt-5.5", "2026-04-23", small=False),
        _five_four("gpt-5.4", "2026-03-05", small=False),
        _five_four("gpt-5.4-mini", "2026-03-17", small=True),
        _five_four("gpt-5.4-nano", "2026-03-17", small=True),
        _five("gpt-5.2", "gpt-5.2-2025-12-11", _XHIGH, "none"),
        _five("gpt-5.1", "gpt-5.1-2025-11-13", _FIVE_ONE, "none", "2027-04-01"),
        _five("gpt-5", "gpt-5-2025-08-07", _UP_TO_HIGH, "medium", "2026-12-11"),
        _five("gpt-5-mini", "gpt-5-mini-2025-08-07", _UP_TO_HIGH, "medium", "2026-12-11"),
        _five("gpt-5-nano", "gpt-5-nano-2025-08-07", _UP_TO_HIGH, "medium", "2026-12-11"),
        _plain("gpt-4.1", "gpt-4.1-2025-04-14", 1_047_576, 32_768, "2027-01-14"),
        _plain("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 1_047_576, 32_768, "2027-01-14"),
        _plain("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", 1_047_576, 32_768, "2026-10-23"),
        _plain("gpt-4o", "gpt-4o-2024-08-06", 128_000, 16_384, "2027-01-14"),
        _plain("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 128_000, 16_384, "2027-01-14"),
        _o("o3", "o3-2025-04-16", "2026-12-11"),
        _o("o4-mini", "o4-mini-2025-04-16", "2026-10-23"),
        _embedding("text-embedding-3-small"),
        _embedding("text-embedding-3-large"),
    )


class Models:
    """The models by name, alias or snapshot."""

    def __init__(self, *, enforce_shutdowns: bool = False) -> None:
        self.all = every_model()
        self._enforce = enforce_shutdowns
        named = {m.name: m for m in self.all}
        self._by_name = named | {m.snapshot: m for m in self.all}
        self._by_name |= {alias: named[name] for alias, name in ALIASES.items()}

    def find(self, name: object, today: str, *, endpoint: str = "chat") -> Model:
        """The model of that name; refuses as the endpoint does (Responses: 400, others: 404)."""
        if not isinstance(name, str) or not name:
            raise bad("you must provide a model parameter", param="model")
        found = self._by_name.get(name)
        if found is None:
            raise _unknown(name, endpoint)
        if self._enforce and found.shutdown is not None and found.shutdown <= today:
            raise not_found(f"The model `{name}` has been deprecated.", code="model_not_found")
        return found


def _unknown(name: str, endpoint: str) -> Refusal:
    if endpoint == "responses":
        return bad(f"The requested model '{name}' does not exist.", param="model", code="model_not_found")
    return not_found(
        f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found"
    )
