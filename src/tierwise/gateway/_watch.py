"""Looking on at calls, where somebody asked for it: a span of each, a line of each."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from tierwise.calls import Headers
from tierwise.gateway._words import Words, words
from tierwise.online import Admitted, Entry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

    from tierwise.gateway._spans import Spans

CALLS: Final = "tierwise.calls"
"""The logger that has one line a call."""
_LOG: Final = logging.getLogger("tierwise.gateway")
_LINES: Final = logging.getLogger(CALLS)


class Watching:
    """Makes the watch of each call.

    Args:
        spans: Makes their spans; None makes none.
        lines: Whether each call has a line in the log.
    """

    def __init__(self, spans: Spans | None, *, lines: bool) -> None:
        self._spans, self._lines = spans, lines

    def call(self, key: str | None, project: str | None) -> CallWatch:
        """A watch for one call; `key` is its key's name."""
        return CallWatch(self._spans, key, project, lines=self._lines)


def traces_by_environment() -> TracerProvider:
    """Where spans go by OTLP over HTTP, as the environment's OTEL_* variables say.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    from tierwise.gateway._spans import exporting

    return exporting()


def watching(traces: TracerProvider | None, upstream: str, *, lines: bool) -> Watching | None:
    """Who looks on at calls; None where nobody asked for it, so that a call costs what it did.

    Args:
        traces: Where spans go.
        upstream: The address that calls are sent to.
        lines: Whether each call has a line in the log.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    if traces is None:
        return Watching(None, lines=True) if lines else None
    from tierwise.gateway._spans import Spans

    return Watching(Spans(traces, upstream), lines=lines)


class CallWatch:
    """Looks on at one call, from its beginning until the block that holds it is left."""

    def __init__(self, spans: Spans | None, key: str | None, project: str | None, *, lines: bool) -> None:
        self._spans, self._key, self._project, self._lines = spans, key, project, lines
        self._at = time.time_ns()
        self._span: Span | None = None
        self._said: Words | None = None
        self.status = 0
        """HTTP status of the reply; whoever answers sets it."""

    def began(self, call: Admitted) -> Headers:
        """Begin the span; the headers that go upstream."""
        if self._spans is None:
            return call.sent
        self._span, headers = self._spans.begin(call, self._at)
        return headers

    def ended(self, entry: Entry) -> None:
        """The call is settled, and so is its span."""
        self._said = words(entry)
        if self._span is not None:
            from tierwise.gateway._spans import end

            end(self._span, self._said)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        name = kind.__name__ if kind is not None else None
        try:
            if self._span is not None:
                from tierwise.gateway._spans import end_refused

                end_refused(self._span, self.status or 500, name)
            if self._lines:
                _LINES.info("call", extra={"fields": self._fields(name)})
        except Exception:  # noqa: BLE001 - who looks on is never in the way
            _LOG.exception("a call went unwatched")

    def _fields(self, fault: str | None) -> dict[str, Any]:
        said = self._said
        passed = (time.time_ns() - self._at) // 1_000
        common = {"http_status": self.status or None}
        if said is None:
            # Refused before it was sent: nothing was decided that was carried out.
            status = "refused" if fault is None else "error"
            told = {"key": self._key, "project": self._project, "status": status, "error": fault}
            return {**told, **common, "latency_ms": passed / 1_000}
        return {
            "decision": said.decision,
            "key": said.key,
            "project": said.project,
            "endpoint": said.endpoint,
            "asked": said.asked,
            "model": said.model,
            "rung": str(said.rung) if said.rung is not None else None,
            "lane": said.lane,
            "rule": said.rule,
            "moved": said.moved,
            "workload": said.workload,
            "status": said.status,
            "error": said.error,
            **common,
            "latency_ms": (said.latency if said.latency is not None else passed) / 1_000,
            "cost": f"{said.cost:f}" if said.cost is not None else None,
        }
