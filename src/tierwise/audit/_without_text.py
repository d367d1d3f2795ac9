"""What a row takes from a call that was recorded without its text."""

from __future__ import annotations

from tierwise.audit._layout import (
    BACKGROUND,
    EMPTY_ANSWER,
    HAS_REQUEST,
    HAS_TOKENS,
    ODD_TIER,
    RECORDED,
    REFUSAL,
    RESIDENCY,
    STORE,
    STREAM,
)
from tierwise.calls import Call, Recorded
from tierwise.workloads import Facts, facts_from

_FLAGS = {
    "stream": STREAM,
    "store": STORE,
    "background": BACKGROUND,
    "refusal": REFUSAL,
    "empty": EMPTY_ANSWER,
    "odd tier": ODD_TIER,
}


def facts_of(recorded: Recorded) -> Facts:
    """The facts of a recorded call. Raises OverflowError for facts that are none: the record is skipped."""
    try:
        return facts_from(recorded.facts)
    except ValueError:
        raise OverflowError("the facts of a recorded call cannot be read") from None


def flags_of(recorded: Recorded, call: Call) -> int:
    """The flags of its row."""
    flags = RECORDED | (HAS_TOKENS if call.tokens is not None else 0)
    flags |= RESIDENCY if call.residency else 0
    flags |= HAS_REQUEST if bytes(recorded.facts) else 0
    for name in recorded.flags:
        flags |= _FLAGS.get(name, 0)
    return flags


def tool_names_of(recorded: Recorded, digests: tuple[int, ...]) -> tuple[str, ...]:
    """Names of tools by their digests: as kept, else what stands for them."""
    names = recorded.names
    return tuple(names.get(f"{digest:016x}", stand_in(digest)) for digest in digests)


def stand_in(digest: int) -> str:
    """What a tool is called whose name was not kept, e.g. 'tool 3f2a91c0'."""
    return f"tool {digest:016x}"[:13]
