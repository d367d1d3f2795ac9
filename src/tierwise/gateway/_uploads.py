"""`/v1/files` for batches: uploads are sealed as they come, and given out piece by piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any, Final

from tierwise.batch import FILE_PREFIX, Sealer, Stored, Writer, read_pieces, shown_file
from tierwise.calls import MOST_BYTES
from tierwise.errors import RequestError
from tierwise.gateway._access import Refused
from tierwise.gateway._errors import FILE_TOO_LARGE, NOT_FOUND, TOO_LARGE
from tierwise.gateway._multipart import Form, Part, boundary_of
from tierwise.ledger import Files

_US: Final = 1_000_000
MONTH: Final = 30 * 86_400
SHORTEST: Final = 3_600
"""Seconds that a file may be kept at least; at most a month. Source: SDK, `expires_after`."""
_FIELD: Final = 4_096
"""Bytes of a field beside the file."""
_HELD: Final = 1 << 18
"""Bytes of a file that are held before they are sealed."""


class Uploads:
    """Files of projects, for batches.

    Args:
        files: Where they are kept.
        sealer: Seals and opens them.
        most_body: Bytes of a request that is passed on; a file that is kept may have 200 MB.
        clock: Unix seconds.
    """

    def __init__(
        self, files: Files, sealer: Sealer, most_body: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._files, self._sealer, self._most, self._clock = files, sealer, most_body, clock

    async def take(
        self, content_type: str, body: AsyncIterator[bytes], project: str
    ) -> dict[str, Any] | bytes:
        """Take an upload in: the file object where it is for batches, else the request as it came.

        Raises:
            Refused: It is too large.
            RequestError: It is no form with a file.
        """
        upload = _Upload(boundary_of(content_type), self._most)
        writer: Writer | None = None
        try:
            async for piece in body:
                upload.feed(piece)
                if writer is None and upload.filename is not None and upload.purpose in {None, "batch"}:
                    writer = await asyncio.to_thread(self._begin, project, upload.filename)
                if writer is not None and len(upload.held) >= _HELD:
                    await self._write(writer, upload)
            if writer is not None and upload.form.ended and upload.purpose == "batch":
                await self._write(writer, upload)
                keep = upload.keep()
                return shown_file(await asyncio.to_thread(writer.close, writer.file.made + keep * _US))
        except BaseException:
            await self._drop(writer)
            raise
        await self._drop(writer)
        if upload.raw is None:
            raise Refused(TOO_LARGE)
        return b"".join(upload.raw)

    def _begin(self, project: str, filename: str) -> Writer:
        now = self._now()
        file = Stored(
            id=f"{FILE_PREFIX}{token_hex(12)}",
            project=project,
            name=filename,
            purpose="batch",
            made=now,
            until=now + MONTH * _US,
        )
        return Writer(self._files, self._sealer, file)

    async def _write(self, writer: Writer, upload: _Upload) -> None:
        await asyncio.to_thread(writer.write, upload.taken())
        if writer.size > MOST_BYTES:
            raise Refused(FILE_TOO_LARGE)

    async def _drop(self, writer: Writer | None) -> None:
        """What cannot be deleted now goes a day after."""
        if writer is not None:
            with suppress(Exception):
                await asyncio.shield(asyncio.to_thread(self._files.drop, writer.file.id))

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    def find(self, identity: str, project: str | None) -> Stored:
        """A file of a project. Raises Refused."""
        found = self._files.find(identity)
        if found is None or found.project != project or found.until <= self._now():
            raise Refused(NOT_FOUND)
        return found

    def shown(self, identity: str, project: str) -> dict[str, Any]:
        """The file object. Raises Refused."""
        return shown_file(self.find(identity, project))

    def content(self, identity: str, project: str) -> tuple[int, Iterator[bytes]]:
        """What stands in a file: its bytes, and them in pieces. Raises Refused."""
        return self.find(identity, project).size, read_pieces(self._files, self._sealer, identity)

    def delete(self, identity: str, project: str) -> dict[str, Any]:
        """Delete a file; what a job under way still reads goes when that is over. Raises Refused."""
        self._files.delete(self.find(identity, project).id, self._now())
        return {"id": identity, "object": "file", "deleted": True}

    def listed(self, project: str, query: dict[str, str], most: int) -> list[dict[str, Any]]:
        """Files of a project as the API shows them, as a list's query asks."""
        found = self._files.all(
            project,
            purpose=query.get("purpose"),
            after=query.get("after"),
            most=most,
            oldest_first=query.get("order") == "asc",
        )
        return [shown_file(file) for file in found if file.until > self._now()]


class _Upload:
    """What came of an upload so far.

    Args:
        boundary: Of its form.
        most: Bytes up to which it is kept as it came, for as long as it may have to be passed on.
    """

    def __init__(self, boundary: bytes, most: int) -> None:
        self.form, self._most = Form(boundary), most
        self.raw: list[bytes] | None = []
        self.held = bytearray()
        self.filename: str | None = None
        self._fields: dict[str, bytearray] = {}
        self._name = ""
        self._size = 0

    def feed(self, piece: bytes) -> None:
        """Raises RequestError for what is no form, Refused for what is too large to be passed on."""
        self._size += len(piece)
        for found in self.form.feed(piece):
            if isinstance(found, Part):
                self._name = found.name
                if found.name == "file" and self.filename is None:
                    self.filename = (found.filename or "upload")[:200]
            elif self._name == "file":
                self.held += found
            else:
                self._field(found)
        if self.purpose == "batch" or self._size > self._most:
            self.raw = None
        elif self.raw is not None:
            self.raw.append(piece)
        if self.purpose not in {None, "batch"}:
            self.held.clear()
            if self.raw is None:
                raise Refused(TOO_LARGE)

    def _field(self, content: bytes) -> None:
        value = self._fields.setdefault(self._name[:100], bytearray())
        value += content
        if len(value) > _FIELD or len(self._fields) > 100:
            raise RequestError(f"a field of the form beside its file is over {_FIELD} bytes")

    @property
    def purpose(self) -> str | None:
        """What the file is for; None before that is known."""
        value = self._fields.get("purpose")
        # The field is whole once another part began, or the form ended.
        return (
            value.decode("utf-8", "replace")
            if value and (self._name != "purpose" or self.form.ended)
            else None
        )

    def taken(self) -> bytes:
        """What came of the file since the last time."""
        found = bytes(self.held)
        self.held.clear()
        return found

    def keep(self) -> int:
        """Seconds that it is to be kept. Raises RequestError."""
        said = self._fields.get("expires_after[seconds]")
        if said is None:
            return MONTH
        text = said.decode("utf-8", "replace").strip()
        if not text.isascii() or not text.isdigit() or not SHORTEST <= int(text[:9]) <= MONTH:
            raise RequestError(f"expected expires_after[seconds] from {SHORTEST} to {MONTH}, got {text:.20}")
        return int(text)
