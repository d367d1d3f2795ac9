"""The formats, one module each, in the order they are asked whether a source is theirs."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from tierwise.calls._format import Format

MODULES = (
    # Narrow shapes first: a format further down may also say yes to them.
    "openai_usage_csv",
    "openai_cost_csv",
    "openai_usage_api",
    "openai_costs_api",
    "openai_batch",
    # Third-party formats.
    "litellm",
    "langfuse",
    "otlp",
    "langsmith",
    "helicone",
    "llm_sqlite",
    "recorder",
    # Wide shapes last.
    "openai_pairs",
    "openai_stored",
    "tierwise",
)
"""Modules of this package that export FORMAT."""


@cache
def all_formats() -> tuple[Format, ...]:
    """Every format, in order. Imports their modules on first use."""
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in MODULES)
