"""What is kept of a call: facts, usage and money, and no text of prompt or answer."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.caching import TEXT_LENGTH, Smallest, outline
from tierwise.calls import (
    NOT_RECORDED,
    RECORDER_VERSION,
    Call,
    Flag,
    Recorded,
    Request,
    Response,
    named_place,
)
from tierwise.workloads import Facts, instructions_of, key_id, tool_digest, tool_names

KNOWN_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "fast", "batch", "standard"})
"""Service tiers with a published price."""
_CODE: Final = re.compile(r"\S{1,64}")
"""An error code; what has blanks is a sentence, and may quote the prompt."""


class Keeper:
    """Turns calls into lines of a recorder file. Not locked; one for each file and process.

    Args:
        key: The owner's key, also that of the recogniser whose facts come.
        names: Keep the names of tools and the first words of instructions.
    """

    def __init__(self, key: bytes = b"", *, names: bool = False) -> None:
        self._key = key
        self._key_id = key_id(key)
        self.names = names
        """Whether names of tools and first words of instructions are kept."""
        self._keyed = blake2b(b"%d\x1f%b" % (len(key), key), digest_size=8)
        self._smallest = Smallest()
        self._nameless = tool_digest("", key)

    def keep(self, call: Call, facts: Facts | None) -> Recorded:
        """The line of a call whose request and response are at hand."""
        request, response = call.request, call.response
        return Recorded(
            recorder=RECORDER_VERSION,
            key_id=self._key_id,
            id=call.id,
            join=f"{self._digest(call.join):016x}" if call.join else None,
            at=call.at,
            latency=call.latency,
            endpoint=call.endpoint,
            asked=call.model_asked,
            served=call.model_served,
            tokens=call.tokens,
            lane=call.lane,
            lane_basis=call.lane_basis,
            status=call.status,
            error=call.error if call.error is None or _CODE.fullmatch(call.error) else "error",
            project=call.project,
            key=call.key,
            user=f"{self._digest(call.user):016x}" if call.user else None,
            session=call.session,
            trace=call.trace,
            span=call.span,
            parent=call.parent,
            name=call.name or named_place(call.metadata),
            tags=call.tags,
            flags=frozenset(_flags(call)),
            answer=self._answer(response),
            called=tuple(tool_digest(name, self._key) for name in response.tool_calls) if response else (),
            hosted=dict(response.hosted) if response is not None else {},
            scores=dict(call.scores),
            facts=self._facts(facts),
            names=self._names_of(request, response, facts),
            outline=self._outline(request, facts),
        )

    def _facts(self, facts: Facts | None) -> msgspec.Raw:
        if facts is None:
            return NOT_RECORDED
        if not self.names and facts.template.head:
            facts = msgspec.structs.replace(facts, template=msgspec.structs.replace(facts.template, head=""))
        return msgspec.Raw(msgspec.json.encode(facts))

    def _names_of(
        self, request: Request | None, response: Response | None, facts: Facts | None
    ) -> dict[str, str]:
        if not self.names:
            # A definition without a name is never said to be unused: nothing could call it by one.
            tools = facts.template.tools if facts is not None else ()
            nameless = any(tool.digest == self._nameless for tool in tools)
            return {f"{self._nameless:016x}": ""} if nameless else {}
        names = [
            *(tool_names(request) if request is not None else ()),
            *(response.tool_calls if response else ()),
        ]
        return {f"{tool_digest(name, self._key):016x}": name for name in names}

    def _outline(self, request: Request | None, facts: Facts | None) -> bytes:
        """The outline of instructions not met before, where an audit would keep them."""
        if request is None or facts is None:
            return b""
        takes, _ = self._smallest.takes(facts.template.base, facts.template.digest)
        return outline(instructions_of(request)[:TEXT_LENGTH], self._key) if takes else b""

    def _answer(self, response: Response | None) -> int:
        """What came back, so that a loop shows as the same tool calls over and over; 1 for words."""
        if response is None:
            return 0
        if response.tool_calls:
            return self._digest("\x1f".join((*response.tool_calls, *response.arguments)))
        return 1 if response.text else 0

    def _digest(self, text: str) -> int:
        state = self._keyed.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little") or 1


def _flags(call: Call) -> list[Flag]:
    request, response = call.request, call.response
    flags: list[Flag] = ["residency"] if call.residency else []
    if request is not None:
        flags += ["stream"] if request.stream else []
        flags += ["store"] if request.store else []
        flags += ["background"] if request.background else []
    if response is not None:
        flags.append("answered")
        flags += ["refusal"] if response.refusal else []
        flags += ["empty"] if not response.text and not response.tool_calls else []
        tier = response.service_tier
        flags += ["odd tier"] if tier is not None and tier not in KNOWN_TIERS else []
    return flags
