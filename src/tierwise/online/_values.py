"""The values that a live call becomes, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from tierwise.calls import Attempt, Endpoint, Headers, Outgoing, Recorded, Request, Spend
from tierwise.catalog import Lane, Tokens
from tierwise.online._hosted import Deferral
from tierwise.online._search import STEPS, Selection
from tierwise.online._tools import Toolbox
from tierwise.policy import Certificate, Decision, State, Text
from tierwise.workloads import Facts


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """What a program says of a call beside the call.

    Task, depth, role and workload are hints: they count only where the policy trusts the caller.
    """

    task: str | None = None
    depth: str | None = None
    role: str | None = None
    workload: str | None = None
    session: str | None = None
    """What is one conversation to the application: it stays on one side of a canary."""
    trace: str | None = None
    span: str | None = None
    parent: str | None = None
    """Span of the step that started this one."""
    name: str | None = None
    """What the application calls this step."""
    tags: tuple[str, ...] = ()
    project: str | None = None
    deadline: int | None = None
    """Seconds that the answer may take, above 0; None: it is waited for."""
    route: bool = True
    """False lets the call go as asked, whatever the policy says."""


NO_LABELS: Final = Labels()
"""Of a call of which nothing is said; the usual case, and so one value."""


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody keeps what waits: the answer of a call may come later, under an id of ours."""

    sender: str = ""
    """Whose key of OpenAI's it is sent with, by reference."""
    identity: str | None = None
    """The id under which the caller will ask for the answer; None draws one."""
    call: str | None = None
    """The id of the call in the ledger, for who may hand the same one in again after a crash; None draws one."""
    job: str | None = None
    """The job that it is a line of."""
    lane: Lane = "standard"
    """The lane as asked beside the body: 'batch' for a line of a batch."""
    always: bool = False
    """Whether it is kept whatever its lane; else only where the policy decides for Batch."""
    mark: str = ""
    """Tells whether a repeat under the same id is the same request."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the caller made it."""

    method: str
    path: str
    """With whatever stands before the endpoint, and its query."""
    headers: Headers = ()
    body: bytes = b""
    labels: Labels = NO_LABELS
    """Set by the program; headers and metadata of the call fill what is not set."""
    key: str | None = None
    """Name of the gateway key that calls."""
    project: str | None = None
    """Whose the call is, where that is not the caller's to say."""
    callers: frozenset[str] = frozenset()
    """Who calls ('key:NAME', 'project:NAME'), for policies that trust hints."""
    may_unroute: bool = True
    """Whether the caller may ask not to be routed."""
    watch: Watch | None = None
    """Looks on as this call goes."""
    later: Later | None = None
    """None where the caller waits for the answer."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is followed: read once, its body untouched."""

    asked: Asked
    endpoint: Endpoint
    request: Request | None
    """None where the body is not a request."""
    labels: Labels
    sent: Headers
    """The headers that may go upstream."""
    keys: frozenset[str] = frozenset()
    """Names of the body's top-level fields."""
    unread: str | None = None
    """Why the body could not be read."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose tools are searched for."""

    box: Toolbox
    selection: Selection
    whole: bytes
    """The request as it would go out with all of them."""

    @property
    def offered(self) -> frozenset[str]:
        """Names of all functions that may be left to the search."""
        return frozenset(self.box.offered.places)

    @property
    def sent(self) -> frozenset[str]:
        """Names of those that went out."""
        return frozenset(self.box.offered.entries[place].name for place in self.selection.places)


class Look(msgspec.Struct, frozen=True):
    """Asks whoever sends for the next piece of the stream that just came; None is its end."""


LOOK: Final = Look()


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """What goes upstream, and why."""

    outgoing: Outgoing
    facts: Facts | None = None
    state: State | None = None
    decision: Decision | None = None
    reason: str | None = None
    """Why the call goes as asked although there is a policy; None where the decision says it."""
    carried: bool = False
    """Whether the request differs from what the caller sent because of the decision."""
    translated: bool = False
    """Whether it goes by Responses in place of Chat Completions."""
    usage_added: bool = False
    """Whether the stream was asked for usage that the caller did not ask for."""
    reasoning_lost: int = 0
    """Turns of the history whose reasoning cannot travel by the other endpoint."""
    search: Search | None = None
    """The call's tools, where only some of them went out."""
    deferral: Deferral | None = None
    """Those left to OpenAI's search."""
    cascade: Certificate | None = None
    """By which its answer is accepted; None where that is the caller's as it comes."""

    @property
    def steps(self) -> int:
        """Requests that it may take at most."""
        return 1 + STEPS if self.search is not None else 1

    def left(self, loaded: Sequence[str]) -> int | None:
        """Input tokens of definitions that were left out after all, once so many were loaded by a search.

        None where that is the decision's figure.
        """
        if self.search is not None:
            return self.search.selection.tokens
        return self.deferral.tokens - self.deferral.weight(loaded) if self.deferral is not None else None

    @property
    def lane(self) -> Lane:
        """The lane asked for upstream."""
        return self.outgoing.lane


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: a whole body, or a stream that is yet to be read."""

    status: int
    headers: Headers = ()
    body: bytes | None = None
    """None for a stream: whoever sends reads it and feeds the answer's passage."""
    attempts: tuple[Attempt, ...] = ()
    """Requests that were sent for it, where the sender tries again by itself."""


class Passing(Protocol):
    """A stream on its way to the caller: fed what comes, gives what is passed on."""

    def feed(self, piece: bytes) -> bytes:
        """Bytes for the caller, for bytes from upstream."""

    def end(self) -> bytes:
        """The last bytes for the caller, once upstream has closed in good order."""

    def left(self) -> None:
        """The caller has left, or upstream's stream broke."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller gets: a whole body, or a passage to feed a stream through."""

    status: int
    headers: Headers = ()
    body: bytes | None = None
    passage: Passing | None = None
    held: bytes = b""
    """Of a stream that was looked into: what the caller gets before the passage is fed."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it was decided, served and priced. Holds no text of prompt or answer."""

    id: str
    """Of the decision; also in the reply's headers."""
    line: Recorded
    """The call as a recorder file holds it."""
    facts: Facts | None = None
    state: State | None = None
    decision: Decision | None = None
    reason: str | None = None
    """Why it went as asked although there is a policy."""
    attempts: int = 1
    """Requests that were sent: 2 where upstream refused what was shaped and the call then went as asked."""
    cost: Decimal | None = None
    """USD, by the usage that came back; 0 for a refused call, None where it has no price."""
    as_asked: Decimal | None = None
    """USD that it would have cost as asked: an estimate wherever the call was moved."""
    unpriced: str | None = None
    """Why there is no cost."""
    reasoning_lost: int = 0
    tried: tuple[Attempt, ...] = ()
    """Every request that was sent for it, where the sender tries again by itself."""


class Recorder(Protocol):
    """Takes calls down. Called under the pipeline's lock; what it raises is logged, never the caller's."""

    def record(self, entry: Entry) -> None:
        """Take one call down."""


class Gate(Protocol):
    """Lets calls go, and is told what became of them: budgets, limits, what is written down before."""

    def open(self, identity: str, call: Admitted, routed: Routed) -> Answer | None:
        """Called before the send. An Answer refuses the call."""

    def more(self, identity: str, call: Admitted, routed: Routed) -> bool:
        """Called before a call that was let go falls back; whether it may: money held, and written down."""

    def wait(self, identity: str, entry: Entry, text: Text | None = None) -> None:
        """Called for a call whose answer is to come: what is known of it so far, and what text is kept of it."""

    def close(self, identity: str, entry: Entry, text: Text | None = None) -> None:
        """Called once for each call that was let go, when it is over; and for each that somebody else sent.

        `text` goes nowhere else: it is in no entry, so that no recorder, log or span can have it.
        """


class Watch(Protocol):
    """Looks on as one call goes: its span, its line in a log. What it raises is logged, never the caller's."""

    def began(self, call: Admitted) -> Headers:
        """The call was read. Gives the headers that go upstream: those of the call, or with its own in them."""

    def ended(self, entry: Entry) -> None:
        """The call is over and taken down. Never called for one that the gate refused."""


class Run(msgspec.Struct, kw_only=True):
    """One call while it runs: when it began, and what was sent for it."""

    id: str
    at: int
    """Microseconds since the epoch, UTC."""
    latency: int | None = None
    """Microseconds that it took, where whoever sent it says so; None counts from `at` to its end."""
    attempts: int = 0
    tried: tuple[Attempt, ...] = ()
    turned_away: frozenset[str] = frozenset()
    """Models on which upstream did not take it, as sent."""
    fell_back: bool = False
    """Whether another way was looked for because of that."""
    earlier: tuple[Tokens, ...] = ()
    """What steps used whose answers only asked for tools."""
    spent: tuple[Spend, ...] = ()
    """Attempts of a cascade that were not accepted, and what checked them."""
    cascade: str | None = None
    """What became of its cascade: 'accepted', 'escalated'."""
    loaded: tuple[str, ...] = ()
    """Names of the tools that OpenAI's search loaded for it."""
    useless: bool = False
    """Whether its answer failed a check that costs nothing."""
