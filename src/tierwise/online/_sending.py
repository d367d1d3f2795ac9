"""Run: what goes and what comes back, and the steps between where a call's tools are searched for here."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

from tierwise.calls import Outgoing, Status
from tierwise.online._cascade import MOST_HELD, Judged, body_of, judged, spent_in_vain
from tierwise.online._found import Beginning, needs_of, used_by
from tierwise.online._record import Record
from tierwise.online._route import Router
from tierwise.online._search import STEPS
from tierwise.online._values import LOOK, Admitted, Look, Reply, Routed, Run, Search
from tierwise.policy import Trial
from tierwise.upstream import whole_reply


class Sending:
    """Yields what is to be sent; faults of sending are taken down and raised again.

    Args:
        record: Takes them down.
        router: Finds more tools.
    """

    def __init__(self, record: Record, router: Router) -> None:
        self._record, self._router = record, router

    def send(self, call: Admitted, routed: Routed, run: Run) -> Generator[Outgoing, Any, Reply]:
        """Run: the only step that waits."""
        run.attempts += 1
        try:
            reply: Reply = yield routed.outgoing
        except GeneratorExit:
            raise
        except BaseException as fault:
            self._record.settle(call, routed, run, None, _ended_by(fault), error=type(fault).__name__)
            raise
        run.tried += reply.attempts
        return reply

    def searched(
        self, call: Admitted, routed: Routed, run: Run, reply: Reply
    ) -> Generator[Outgoing | Look, Any, tuple[Routed, Reply, bytes]]:
        """Answer what asks for tools here, and send the call again with more of them; each time more, then all.

        Returns the reply that is the caller's, and what of its stream was looked into.
        """
        while (search := routed.search) is not None and reply.status < 400:
            body, held = reply.body, b""
            if body is None:
                held, asks = yield from self._looked(call, routed, run, search)
                if not asks:
                    return routed, reply, held
                body = msgspec.json.encode(whole_reply(held))
            needs = needs_of(body, search.sent, search.offered)
            if not needs or search.selection.steps >= STEPS:
                return routed, reply, held
            run.earlier += (used_by(call.endpoint, body, run.at),)
            routed = self._router.with_more(call, routed, search, needs)
            reply = yield from self.send(call, routed, run)
        return routed, reply, b""

    def _looked(
        self, call: Admitted, routed: Routed, run: Run, search: Search
    ) -> Generator[Look, bytes | None, tuple[bytes, bool]]:
        """The beginning of a stream until it tells what it is, all of it where it asks for tools; and whether it does."""
        beginning = Beginning(search.sent, search.offered)
        while beginning.verdict != "answer":
            try:
                piece = yield LOOK
            except GeneratorExit:
                raise
            except BaseException as fault:
                self._record.settle(call, routed, run, None, _ended_by(fault), error=type(fault).__name__)
                raise
            if piece is None:
                break
            beginning.feed(piece)
        return beginning.held, beginning.verdict == "search"

    def checked(
        self, call: Admitted, routed: Routed, run: Run, trial: Trial, reply: Reply, held: bytes
    ) -> Generator[Outgoing | Look, Any, tuple[Judged, bytes]]:
        """Whether a cascade's answer is accepted, and its whole stream where it is one; else it is counted as spent.

        Args:
            call: As it came.
            routed: As it was sent.
            run: What was sent for it so far.
            trial: The rung that answered.
            reply: Its answer.
            held: What of its stream came already.
        """
        body = reply.body
        try:
            if body is None:
                held, whole = yield from _held(held)
                body = body_of(held, whole)
            found = yield from judged(call, routed, run, trial, reply.status, body)
        except GeneratorExit:
            raise
        except BaseException as fault:
            spent_in_vain(call, routed, run, reply.status, body)
            self._record.settle(call, routed, run, None, _ended_by(fault), error=type(fault).__name__)
            raise
        if not found.accepted:
            spent_in_vain(call, routed, run, reply.status, body)
        return found, held


def _held(held: bytes) -> Generator[Look, bytes | None, tuple[bytes, bool]]:
    """A stream to its end, and whether it is whole: of one that is too long, the rest is let go."""
    parts, size = [held], len(held)
    while (piece := (yield LOOK)) is not None:
        size += len(piece)
        if size <= MOST_HELD:
            parts.append(piece)
    return b"".join(parts), size <= MOST_HELD


def _ended_by(fault: BaseException) -> Status:
    """How a call ended that could not be sent.

    A caller that cancels has left; else, unless it is known that nothing was sent, nobody knows
    whether upstream acted.
    """
    if not isinstance(fault, Exception):
        return "abandoned"
    return "error" if getattr(fault, "sent", None) is False else "unknown"
