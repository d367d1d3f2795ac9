"""Shape: the request as it goes out, made of the caller's own bytes and the decision's changes alone."""

from __future__ import annotations

import time
from typing import Final

import msgspec

from tierwise.calls import Outgoing, reasoning_lost, to_responses
from tierwise.errors import RequestError
from tierwise.online._admit import upward
from tierwise.online._cache_fields import changed_for_cache
from tierwise.online._lists import Narrow
from tierwise.online._narrow import without
from tierwise.online._search import Selection, with_only
from tierwise.online._tools import Toolbox
from tierwise.online._values import Admitted, Answer, Asked, Reply, Routed, Search
from tierwise.policy import Decision, State, applied, object_in
from tierwise.upstream import verdict
from tierwise.workloads import Facts

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CHAT: Final = "/chat/completions"


def as_asked(call: Admitted, *, reason: str | None = None) -> Routed:
    """The call exactly as it came."""
    return Routed(outgoing=_outgoing(call, call.asked.body, call.asked.path), reason=reason)


def untouched(asked: Asked) -> Outgoing:
    """A request that is not followed: nothing of it changes but the headers that speak to us."""
    return Outgoing(method=asked.method, path=asked.path, headers=upward(asked.headers), body=asked.body)


def as_it_came(reply: Reply) -> Answer:
    """A reply that is not followed."""
    return Answer(status=reply.status, headers=reply.headers, body=reply.body)


def as_asked_after(call: Admitted, routed: Routed, reply: Reply) -> Routed | None:
    """The call as it came, where upstream refused what was made of it; None where that was not us."""
    if not routed.carried or routed.decision is None:
        return None
    asked = as_asked(
        call, reason=f"upstream refused it on {routed.decision.plan.rung}: status {reply.status}"
    )
    plain = msgspec.structs.replace(asked, facts=routed.facts, state=routed.state, decision=routed.decision)
    return with_usage(call, plain)


def no_capacity(reply: Reply) -> bool:
    """Whether upstream has no room where the call was sent: rate limits, overload, flex without capacity.

    Never where the money is gone: another rung would not have any either.
    """
    if reply.status not in {429, 503}:
        return False
    headers = {name.lower(): value for name, value in reply.headers}
    return verdict(reply.status, headers.get, reply.body or b"", now=time.time).again


def with_usage(call: Admitted, routed: Routed) -> Routed:
    """Ask a Chat stream for its usage, which it does not tell by itself."""
    request = call.request
    if routed.translated or call.endpoint not in {"chat", "completions"}:
        return routed
    if request is None or not request.stream:
        return routed
    fields = _FIELDS.decode(routed.outgoing.body)
    options = object_in(fields.get("stream_options"))
    if bytes(options.get("include_usage", msgspec.Raw(b"null"))) == b"true":
        return routed
    options["include_usage"] = msgspec.Raw(b"true")
    fields["stream_options"] = msgspec.Raw(msgspec.json.encode(options))
    outgoing = msgspec.structs.replace(routed.outgoing, body=msgspec.json.encode(fields))
    return msgspec.structs.replace(routed, outgoing=outgoing, usage_added=True)


def shape(
    call: Admitted,
    facts: Facts,
    state: State,
    decision: Decision,
    box: Toolbox | None = None,
    narrow: Narrow | None = None,
) -> Routed:
    """The request that a decision makes of a call.

    Args:
        call: As it came.
        facts: Its facts.
        state: What the decision knew.
        decision: What to make of it.
        box: Its tools, where the decision leaves some out.
        narrow: Those that go out at first, where the others are searched for.

    Raises:
        RequestError: The decision asks for a change that this body cannot take.
    """
    body, path, translated, lost = call.asked.body, call.asked.path, False, 0
    if decision.plan.endpoint == "responses":
        lost = reasoning_lost(body)
        body = to_responses(body)
        path = responses_path(path)
        translated = True
    if decision.changes:
        body = applied(body, decision.changes, changed_for_cache)
    if decision.plan.drop_tools and box is not None:
        body = without(body, frozenset(box.name_of(digest) for digest in decision.plan.drop_tools))
    search, selection = None, narrow.selection if narrow is not None else None
    if decision.plan.tools.search == "client" and box is not None and selection is not None:
        search = Search(box=box, selection=selection, whole=body)
        body = with_only(body, box, selection)
    deferral = narrow.deferral if narrow is not None and decision.plan.tools.search == "hosted" else None
    if deferral is not None:
        body = deferral.deferred(body)
    outgoing = msgspec.structs.replace(
        _outgoing(call, body, path), model=decision.plan.rung.model, lane=decision.plan.lane
    )
    return Routed(
        outgoing=outgoing,
        facts=facts,
        state=state,
        decision=decision,
        carried=bool(decision.changes),
        translated=translated,
        reasoning_lost=lost,
        search=search,
        deferral=deferral,
    )


def with_selection(routed: Routed, search: Search, selection: Selection) -> Routed:
    """The same call with other tools."""
    outgoing = msgspec.structs.replace(routed.outgoing, body=with_only(search.whole, search.box, selection))
    found = msgspec.structs.replace(search, selection=selection)
    return msgspec.structs.replace(routed, outgoing=outgoing, search=found)


def responses_path(path: str) -> str:
    """The path of Responses beside one of Chat Completions. Raises RequestError for any other."""
    bare, _, query = path.partition("?")
    if not bare.rstrip("/").endswith(_CHAT):
        raise RequestError(f"expected a path that ends with {_CHAT}, got {bare:.100}")
    return bare.rstrip("/").removesuffix(_CHAT) + "/responses" + (f"?{query}" if query else "")


def _outgoing(call: Admitted, body: bytes, path: str) -> Outgoing:
    request, later = call.request, call.asked.later
    return Outgoing(
        method=call.asked.method,
        path=path,
        headers=call.sent,
        body=body,
        model=request.model if request is not None else None,
        lane=later.lane if later is not None else "standard",
    )
