"""Uploaded and produced files, in memory."""

from __future__ import annotations

from typing import Final

import msgspec

from tierwise.simulator._ask import Json
from tierwise.simulator._engine import Engine
from tierwise.simulator._errors import bad, missing, not_found

_PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
_MONTH: Final = 30 * 86_400


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    id: str
    content: bytes
    filename: str
    purpose: str
    created: int
    expires: int | None = None

    @property
    def body(self) -> Json:
        """The file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "expires_at": self.expires,
            "status_details": None,
        }


class Files:
    """All files, in the order they came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files: dict[str, File] = {}

    def add(
        self, content: bytes, filename: str, purpose: str | None, expires_after: int | None = None
    ) -> File:
        """Keep an upload; files for batches expire after 30 days unless told otherwise."""
        if purpose is None:
            raise missing("purpose")
        if purpose not in _PURPOSES:
            raise bad(f"'{purpose}' is not one of {list(_PURPOSES)} - 'purpose'", param="purpose")
        return self._keep(
            content, filename, purpose, expires_after or (_MONTH if purpose == "batch" else None)
        )

    def produce(self, content: bytes, filename: str, expires_after: int | None) -> File:
        """Keep an output of a batch."""
        return self._keep(content, filename, "batch_output", expires_after or _MONTH)

    def _keep(self, content: bytes, filename: str, purpose: str, expires_after: int | None) -> File:
        now = int(self._engine.clock())
        made = File(
            id=self._engine.ids.file(),
            content=content,
            filename=filename,
            purpose=purpose,
            created=now,
            expires=None if expires_after is None else now + expires_after,
        )
        self._files[made.id] = made
        return made

    def get(self, name: object) -> File:
        """The file; 404 where there is none or it has expired."""
        found = self._files.get(name) if isinstance(name, str) else None
        if found is None or (found.expires is not None and found.expires <= self._engine.clock()):
            raise not_found(f"No such File object: {name}", param="id")
        return found

    def all(self, purpose: str | None) -> list[Json]:
        """File objects, newest first."""
        found = [f.body for f in self._files.values() if purpose is None or f.purpose == purpose]
        return found[::-1]

    def delete(self, name: str) -> Json:
        """Remove a file."""
        self.get(name)
        del self._files[name]
        return {"id": name, "object": "file", "deleted": True}


def page(items: list[Json], after: str | None, limit: int, *, newest_first: bool = True) -> Json:
    """A list as the API pages it, given newest first."""
    items = items if newest_first else items[::-1]
    if after is not None:
        at = next((i for i, item in enumerate(items) if item["id"] == after), -1)
        items = items[at + 1 :]
    shown = items[:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(items) > limit,
    }
