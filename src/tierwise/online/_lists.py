"""How the tools of one call are narrowed, by the way its rule allows; and what is learned of it afterwards."""

from __future__ import annotations

import msgspec

from tierwise.calls import Call, Request
from tierwise.catalog import Model
from tierwise.online._hosted import Deferral, Hosted
from tierwise.online._search import Selection, ToolSearch
from tierwise.online._tools import ToolMemory
from tierwise.online._values import Admitted, Routed
from tierwise.policy import Learned, Narrowing, ToolSettings
from tierwise.workloads import Facts


class Narrow(msgspec.Struct, frozen=True):
    """The tools that go out at first, by either search, and what that comes to."""

    counts: Narrowing | None = None
    """None where nothing is searched for."""
    selection: Selection | None = None
    deferral: Deferral | None = None


AS_SENT = Narrow()


class Lists:
    """What the process knows of tool lists. Not locked: the pipeline is.

    Args:
        learned: What an audit learned.
        key: The owner's key.
    """

    def __init__(self, learned: Learned | None, key: bytes) -> None:
        self.tools = ToolMemory(learned, key)
        self.search = ToolSearch()
        self.hosted = Hosted()

    def narrowed(
        self,
        call: Admitted,
        request: Request,
        facts: Facts,
        settings: ToolSettings,
        *,
        unused: frozenset[int],
        root: str,
        model: Model | None,
        at: int,
    ) -> Narrow:
        """The tools of a call under a rule's settings.

        Args:
            call: As it came.
            request: As parsed, with tools.
            facts: Its facts.
            settings: The rule's.
            unused: Digests of definitions that no logged session used.
            root: What the conversation is known by; '' where it would not be known again.
            model: The one asked for; None where it is not known.
            at: Microseconds since the epoch.
        """
        if settings.search == "off" or model is None:
            return AS_SENT
        box, body = self.tools.box(request), call.asked.body
        if settings.search == "hosted":
            deferral, counts = self.hosted.defer(request, body, box, facts.workload, root)
            return Narrow(counts, deferral=deferral)
        left = unused if settings.drop_unused else frozenset()
        selection, counts = self.search.select(request, body, box, facts.workload, root, left, model, at)
        return Narrow(counts, selection=selection)

    def after(self, call: Call, routed: Routed) -> None:
        """Learn from a call that is over, with what its last step used."""
        facts, decision = routed.facts, routed.decision
        if facts is None or decision is None or not routed.carried:
            return
        self.tools.after(call, facts, decision.plan.drop_tools)
        if routed.search is not None and call.tokens is not None:
            used = call.response.tool_calls if call.response is not None else ()
            tokens = call.tokens.input_total
            self.search.after(facts.workload, routed.search.selection, used, tokens, call.at or 0)

    def loaded(self, reply: object, routed: Routed) -> tuple[str, ...]:
        """Learn what OpenAI's search loaded for a call; the names of it."""
        if routed.deferral is None or routed.facts is None:
            return ()
        return self.hosted.remember(reply, routed.facts.workload, routed.deferral.root)
