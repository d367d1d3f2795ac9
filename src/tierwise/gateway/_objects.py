"""Whose an object is: what is made through the gateway and kept upstream belongs to its key's project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from tierwise.errors import LedgerUnavailable
from tierwise.ledger import Ledger

_PATH: Final = re.compile(r"/v1/(responses|conversations|files|batches|chat/completions)/([^/?]+)")
_MAKES: Final = re.compile(r"^/v1/(conversations|files|batches)(\?|$)")
_NAMED: Final = ("previous_response_id", "input_file_id", "conversation")
"""Fields of a request that name an object."""
_HOLD_FILES: Final = ("input", "messages", "tools")
"""Fields of a request that name files, at any depth."""
_NAMES: Final = (b"previous_response_id", b"file_id", b'"conversation"')
"""One of these is in a body that names an object, or a letter of its name is escaped."""
_ESCAPED: Final = re.compile(rb"\\u00[4-7]")
_COMPLETES: Final = re.compile(r"^/v1/uploads/[^/?]+/complete(\?|$)")
_NOT_OBJECTS: Final = frozenset({"input_tokens", "compact"})
RECENT: Final = 10_000


class Objects:
    """Remembers owners, in the ledger and for the newest in memory."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._recent: dict[str, str] = {}
        self._unwritten: dict[str, str] = {}

    def own(self, identity: str, project: str, *, lasting: bool = False) -> None:
        """An object was made. `lasting` writes it down now; calls come into the ledger by themselves."""
        if len(self._recent) >= RECENT:
            self._recent.pop(next(iter(self._recent)), None)
        self._recent[identity] = project
        if lasting and self._ledger is not None:
            self._unwritten[identity] = project
            with suppress(LedgerUnavailable):
                self.tend()

    def tend(self) -> None:
        """Write down what could not be while the ledger was gone. Raises LedgerUnavailable."""
        for identity, project in list(self._unwritten.items()):
            if self._ledger is not None:
                self._ledger.own(identity, project)
            self._unwritten.pop(identity, None)

    def may(self, identity: str, project: str) -> bool:
        """Whether a project sees an object: only its own. Raises LedgerUnavailable."""
        found = self._recent.get(identity) or self._unwritten.get(identity)
        if found is None and self._ledger is not None:
            found = self._ledger.owner(identity)
        return found == project

    def allowed(self, path: str, body: bytes, project: str) -> bool:
        """Whether a request names only objects of the project."""
        named = _PATH.search(path)
        if named is not None and named[2] not in _NOT_OBJECTS and not self.may(named[2], project):
            return False
        return all(self.may(identity, project) for identity in _ids_in(body))

    def mine(self, items: list[dict[str, Any]], project: str) -> list[dict[str, Any]]:
        """Of a list's items, the project's."""
        return [item for item in items if self.may(str(item["id"]), project)]

    def made(self, method: str, path: str, status: int, body: bytes, project: str) -> None:
        """Take note of what a reply says was made, and of files that a batch or an upload has."""
        makes = method == "POST" and _MAKES.match(path) is not None
        completes = method == "POST" and _COMPLETES.match(path) is not None
        if status >= 400 or not (makes or completes or _PATH.search(path)):
            return
        try:
            found = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if makes and isinstance(found.get("id"), str):
            self.own(found["id"], project, lasting=True)
        file = found.get("file") if completes else None
        if isinstance(file, dict) and isinstance(file.get("id"), str):
            self.own(file["id"], project, lasting=True)
        for name in ("output_file_id", "error_file_id"):
            if isinstance(found.get(name), str) and not self.may(found[name], project):
                self.own(found[name], project, lasting=True)


def _ids_in(body: bytes) -> list[str]:
    """Objects that a request's body names."""
    if not _may_name(body):
        return []
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    ids = []
    for name in _NAMED:
        value = _value(found.get(name))
        inner = value.get("id") if isinstance(value, Mapping) else value
        if isinstance(inner, str):
            ids.append(inner)
    for name in _HOLD_FILES:
        raw = found.get(name)
        if raw is not None and _may_name(bytes(raw)):
            ids += _files_in(_value(raw))
    return ids


def _may_name(body: bytes) -> bool:
    return any(name in body for name in _NAMES) or _ESCAPED.search(body) is not None


def _files_in(value: Any) -> list[str]:
    """Files named by `file_id` or `file_ids` anywhere in a value."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            listed = one.get("file_ids")
            named = [one.get("file_id"), *(listed if isinstance(listed, list) else [])]
            found += [name for name in named if isinstance(name, str)]
    return found


def _value(raw: msgspec.Raw | None) -> Any:
    return msgspec.json.decode(raw) if raw is not None and bytes(raw) else None
