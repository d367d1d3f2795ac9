"""One workload's prompt cache as text."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from tierwise.report._words import clean, count, money, plural, share

if TYPE_CHECKING:
    from tierwise.audit import Breaker, Explained

WIDTH = 100


def lines(found: Explained) -> Iterator[str]:
    """The explanation, line by line, at most 100 columns but for text from the log."""
    yield f"{found.workload}  {clean(found.label)}"
    models = ", ".join(f"{clean(name)} ({count(calls)})" for name, calls in found.models.items())
    yield f"{plural(found.calls, 'call')}, {money(found.spend)}, {plural(found.input, 'token')} of input, {models}"
    yield ""
    yield f"Read from the cache, as billed                  {share(found.cached_share):>8} of the input"
    yield f"Prompts as sent, in the log's order, would read {share(found.simulated_share):>8}"
    yield f"Possible with what breaks the prefix mended     {share(found.cacheable_share):>8}"
    yield ""
    if found.breakers:
        several = plural(len(found.breakers), "thing breaks", "things break")
        yield f"{several} the prefix; mended, {money(found.saves)} could be saved, unproven:"
    for number, breaker in enumerate(found.breakers, start=1):
        yield from _breaker(number, breaker, found.template)
    for note in found.notes:
        yield from wrap(clean(note), WIDTH)


def _breaker(number: int, breaker: Breaker, template: str) -> Iterator[str]:
    behind = f", behind {plural(breaker.tokens, 'token')}" if breaker.tokens else ""
    yield f"{number}. {clean(breaker.kind)} in {clean(breaker.where)}{behind}"
    if template:
        yield f"   template: {clean(template)}"
    if breaker.excerpt is not None:
        for text in breaker.excerpt:
            yield f"   | {clean(text)}"
    yield f"   {plural(breaker.calls, 'call')} could have read more, {money(breaker.saves)}"
    yield f"   {clean(breaker.advice)}"
    yield ""
