"""What the gateway answers by itself: health, metrics, calls, decisions on calls that others send.

What became of those is told here too, and routing is turned off and on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from tierwise.errors import RequestError
from tierwise.gateway._access import Caller, Refused
from tierwise.gateway._errors import NO_ADMIN, NO_PLACE, NO_REPORT, NOT_FOUND
from tierwise.gateway._metrics import Metrics
from tierwise.gateway._outcomes import take
from tierwise.ledger import Ledger, lift_alarm
from tierwise.online import Answer, Asked, Pipeline, Sent

ROUTING: Final = "routing"
"""The flag that says whether calls are routed."""
ROUTING_OF: Final = "routing:"
"""With a workload's fingerprint after it, the flag for that workload alone."""
AHEAD: Final = 86_400
"""Seconds that another machine's clock may be ahead of ours."""
Text = Annotated[str, msgspec.Meta(max_length=200)]
_Q = TypeVar("_Q", bound="Question")
_JSON = (("content-type", "application/json"),)
_TEXT = (("content-type", "text/plain; version=0.0.4; charset=utf-8"),)


def off_for(flags: Mapping[str, str]) -> frozenset[str]:
    """Workloads whose calls go as asked, by the ledger's flags."""
    return frozenset(
        name.removeprefix(ROUTING_OF)
        for name, value in flags.items()
        if name.startswith(ROUTING_OF) and value == "off"
    )


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /v1/tierwise/decide` is asked."""

    endpoint: str
    """'/v1/chat/completions' or '/v1/responses'."""
    body: msgspec.Raw
    """The request as it would be sent."""
    headers: dict[str, str] = {}


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /v1/tierwise/off` and `on` may be told."""

    workload: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")] | None = None
    """A fingerprint; None: all."""


class Report(Question, frozen=True, kw_only=True):
    """What `POST /v1/tierwise/calls` is told: a call as it was asked, and how it went."""

    at: int
    """When it was sent, microseconds since the epoch, UTC."""
    latency: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Microseconds from there to the last byte."""
    decision: Text | None = None
    """The `id` of the decision on it; None where there is none."""
    carried: bool = False
    """Whether it went as decided."""
    reason: Text | None = None
    """Why it did not."""
    response: msgspec.Raw = msgspec.Raw(b"null")
    """The reply in OpenAI's form, with its usage; of a stream, put together. Null where none came."""
    status: Literal["ok", "error", "incomplete", "abandoned", "unknown"] | None = None
    """How it ended, where the reply cannot say."""
    error: Text | None = None
    """Code or kind of the error."""


class Own:
    """Answers of the gateway's own.

    Args:
        pipeline: Decides without sending, and can be turned off.
        ledger: Where calls are looked up.
        metrics: What is counted.
        ready: Whether calls can be written down and sent.
    """

    def __init__(
        self, pipeline: Pipeline, ledger: Ledger | None, metrics: Metrics, ready: Callable[[], str | None]
    ) -> None:
        self._pipeline, self._ledger, self._metrics, self._ready = pipeline, ledger, metrics, ready

    def public(self, method: str, path: str) -> Answer | None:
        """Health and metrics, which take no key; None for any other path."""
        bare = path.partition("?")[0]
        if method != "GET" or bare not in {"/healthz", "/readyz", "/metrics"}:
            return None
        if bare == "/metrics":
            return Answer(status=200, headers=_TEXT, body=self._metrics.text())
        why = self._ready() if bare == "/readyz" else None
        return _json(
            {"status": "ok"} if why is None else {"status": "not ready", "why": why}, 503 if why else 200
        )

    def answer(
        self, method: str, path: str, body: bytes, caller: Caller, headers: Mapping[str, str]
    ) -> Answer:
        """Anything under /v1/tierwise. Raises Refused, RequestError."""
        what = path.partition("?")[0].removeprefix("/v1/tierwise/")
        if (method, what) == ("POST", "decide"):
            return self._decide(body, caller, headers)
        if (method, what) == ("POST", "calls"):
            return self._took(body, caller, headers)
        if (method, what) == ("POST", "outcomes"):
            return self._outcomes(body, caller)
        if method == "GET" and what.startswith("calls/"):
            return self._call(what.removeprefix("calls/"), caller)
        if (method, what) in {("POST", "off"), ("POST", "on")}:
            return self._switch(body, caller, off=what == "off")
        raise Refused(NOT_FOUND)

    def _decide(self, body: bytes, caller: Caller, headers: Mapping[str, str]) -> Answer:
        """The decision on a call that somebody else sends."""
        return _json(self._pipeline.decided(_asked(_read(body, Question), caller, headers)), 200)

    def _took(self, body: bytes, caller: Caller, headers: Mapping[str, str]) -> Answer:
        """A call that somebody else sent, taken down."""
        if caller.key is None:
            raise Refused(NO_REPORT)
        told = _read(body, Report)
        if not 0 <= told.at <= (time.time() + AHEAD) * 1e6:
            raise RequestError(f"expected 'at' in microseconds since the epoch, not ahead, got {told.at}")
        sent = Sent(
            at=told.at,
            latency=told.latency,
            status=told.status,
            error=told.error,
            reply=bytes(told.response) if bytes(told.response) != b"null" else None,
            decision=told.decision,
            carried=told.carried,
            reason=told.reason,
        )
        entry = self._pipeline.took(_asked(told, caller, headers), sent)
        if entry is None:
            raise Refused(NO_PLACE, 5)
        return _json({"id": entry.id, "cost": f"{entry.cost:f}" if entry.cost is not None else None}, 200)

    def _outcomes(self, body: bytes, caller: Caller) -> Answer:
        """How answers turned out, taken down."""
        if self._ledger is None:
            raise Refused(NOT_FOUND)
        count, unknown = take(self._ledger, body, caller, self._pipeline.name)
        if not count:
            raise Refused(NOT_FOUND)
        return _json({"taken": count, "unknown": unknown}, 200)

    def _call(self, identity: str, caller: Caller) -> Answer:
        found = self._ledger.call(identity) if self._ledger is not None else None
        admin = caller.key is not None and caller.key.scope.admin
        if found is None or not (admin or (caller.key is not None and found["project"] == caller.project)):
            raise Refused(NOT_FOUND)
        return _json(found, 200)

    def _switch(self, body: bytes, caller: Caller, *, off: bool) -> Answer:
        if caller.key is None or not caller.key.scope.admin:
            raise Refused(NO_ADMIN)
        try:
            workload = msgspec.json.decode(body, type=Switch).workload if body.strip() else None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RequestError(f"expected nothing, or JSON with 'workload': {error}") from None
        word = "off" if off else "on"
        if workload is None:
            self._pipeline.off = off
        else:
            changed = self._pipeline.off_for | {workload} if off else self._pipeline.off_for - {workload}
            self._pipeline.off_for = changed
        if self._ledger is not None:
            # The other replicas look at it once a second.
            name = ROUTING if workload is None else ROUTING_OF + workload
            self._ledger.set_flag(name, word, f"key:{caller.key.name}")
            if workload is not None and not off:
                lift_alarm(self._ledger, workload, f"key:{caller.key.name}")
        return _json({"routing": word, "workload": workload}, 200)


def _read(body: bytes, kind: type[_Q]) -> _Q:
    """What a request to us says. Raises RequestError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"expected JSON with 'endpoint', 'body' and so on: {error}") from None


def _asked(question: Question, caller: Caller, headers: Mapping[str, str]) -> Asked:
    """The call that a question is about, with the labels that stand beside it."""
    given = {**headers, **{name.lower(): value for name, value in question.headers.items()}}
    return Asked(
        method="POST",
        path=question.endpoint,
        headers=tuple((name, value) for name, value in given.items() if name.startswith("x-tierwise-")),
        body=bytes(question.body),
        key=caller.key.name if caller.key is not None else None,
        project=caller.project,
        callers=caller.names,
        may_unroute=caller.key is None or caller.key.scope.unrouted,
    )


def _json(value: Any, status: int) -> Answer:
    return Answer(status=status, headers=_JSON, body=msgspec.json.encode(value))
