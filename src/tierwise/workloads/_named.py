"""What an application calls its calls, told from what a library calls all of them."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

_GENERIC: Final = re.compile(
    r"(?i)(azure)?(chat)?openai([._ -].*)?|a?(chat[._ ]?)?(completions?|responses?|generation)([._ ]create)?"
    r"|llm|litellm-.*|ai\..*|do(generate|stream).*|chat gpt-.*|gpt-.*|step \d+"
)
"""Names that a library gives to every call."""


def own_name(name: str | None) -> str | None:
    """A name that the application chose; None for none or one that a library gives to every call."""
    return None if name is None or _GENERIC.fullmatch(name) else name


def name_digest(name: str) -> int:
    """A 64-bit digest of a name, the same in every log that has it."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, person=b"name")
    return int.from_bytes(digest.digest(), "little")
