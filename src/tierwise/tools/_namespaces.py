"""Functions grouped into namespaces, as OpenAI's tool search wants them: fewer than ten in each.

Source: OpenAI's tool-search guide (September 2026): namespaces save most, with fewer than ten functions each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

MOST: Final = 9
"""Functions of one namespace."""
LONGEST: Final = 300
"""Characters of a description."""
_WORD: Final = re.compile(r"[A-Za-z][a-z]*|[0-9]+")
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")


class Space(msgspec.Struct, frozen=True):
    """One namespace."""

    name: str
    description: str
    members: tuple[int, ...]
    """Positions of its functions."""


def namespaces(names: Sequence[str], taken: Collection[str]) -> tuple[Space, ...]:
    """Groups of functions by the first word of their names; what shares none stands together, in order.

    The same names give the same groups, whatever else is sent.

    Args:
        names: Names of the functions.
        taken: Names that a namespace must not have.
    """
    by_word: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        found = _WORD.search(name)
        by_word.setdefault(found[0].lower() if found else "", []).append(at)
    alone = sorted(at for members in by_word.values() if len(members) == 1 for at in members)
    groups = [(word, members) for word, members in by_word.items() if len(members) > 1]
    if alone:
        groups.append(("other", alone))
    used, spaces = set(taken), []
    for word, members in groups:
        for start in range(0, len(members), MOST):
            part = members[start : start + MOST]
            name = _free(_ODD.sub("_", word or "other")[:40], used)
            spaces.append(Space(name, described([names[at] for at in part]), tuple(part)))
    return tuple(spaces)


def described(names: Sequence[str]) -> str:
    """A namespace by its functions: their names as words, at most 300 characters."""
    return ", ".join(re.sub(r"[_\-.]+", " ", name).strip() for name in names)[:LONGEST] or "tools"


def _free(word: str, used: set[str]) -> str:
    number, name = 1, f"{word}_tools"
    while name in used:
        number += 1
        name = f"{word}_tools_{number}"
    used.add(name)
    return name
