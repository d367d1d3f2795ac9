"""What to do about each kind of thing that breaks a cached prefix, in a line."""

from __future__ import annotations

from typing import Final

MOVE: Final = "Move what varies behind what does not: to the end of the instructions or into the user turn."
REMEDIES: Final = {
    "retrieval": "Put the documents behind the instructions: into the user turn, or into a message after them.",
    "schema": "Send the schema byte for byte the same: no dates or names in descriptions, keys in one order.",
    "tool text": "Send each definition byte for byte the same: what varies belongs into a message.",
    "tools or schema": "Send tools and schema byte for byte the same in every call.",
    "tool order": "Send the tools in one fixed order.",
    "tools": "Send the whole list of tools in every turn, and narrow it by tool_choice with allowed_tools.",
    "model": "Keep a conversation on one model, or switch where it begins anew.",
    "effort": "Keep one reasoning effort for a conversation.",
    "verbosity": "Keep one verbosity for a conversation.",
    "cache key": "Send one prompt_cache_key for all turns of a conversation.",
}


def remedy(kind: str) -> str:
    """For a kind of breaker; moving what varies for a date, an id, a name and the like."""
    return REMEDIES.get(kind, MOVE)
