"""Files and batches of the API, over one `Send`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Final, TypeVar

import msgspec

from tierwise.calls import BatchObject, Outgoing, Retries, Send, Timeouts
from tierwise.errors import UpstreamGarbled, UpstreamRefused

_Kind = TypeVar("_Kind")
_ONCE: Final = Retries(attempts=1)
"""Creating is not idempotent: whether to try again is for whoever can look first."""
_UPLOAD: Final = Timeouts(first_byte=600.0, idle=300.0, total=1800.0)
_CREATE: Final = Timeouts(connect=10.0, first_byte=30.0, idle=10.0, total=40.0)
MOST_LOOKED: Final = 1_000
"""Batches looked through for one with a mark, newest first."""


class _Made(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    data: list[BatchObject] = []
    has_more: bool = False


class BatchApi:
    """What the life of a batch needs of OpenAI.

    Args:
        send: With the key of the project whose batches they are.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    async def upload(self, name: str, content: bytes) -> str:
        """Upload an input file; its id.

        Raises:
            UpstreamRefused: With upstream's status and code.
            UpstreamError: No reply.
        """
        boundary = f"tierwise-{token_hex(16)}"
        head = (
            f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
            "content-type: application/jsonl\r\n\r\n"
        )
        body = b"".join((head.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
        sent = Outgoing(
            path="/v1/files",
            headers=(("content-type", f"multipart/form-data; boundary={boundary}"),),
            body=body,
            timeouts=_UPLOAD,
        )
        return _decoded(await self._read(sent), _Made).id

    async def create(self, file: str, endpoint: str, metadata: dict[str, str]) -> BatchObject:
        """Create a batch, in one attempt.

        Raises:
            UpstreamRefused: It was not created.
            UpstreamError: No reply; but for `sent` false, it may have been created.
        """
        body = {
            "input_file_id": file,
            "endpoint": endpoint,
            "completion_window": "24h",
            "metadata": metadata,
        }
        sent = Outgoing(
            path="/v1/batches",
            headers=_JSON,
            body=msgspec.json.encode(body),
            timeouts=_CREATE,
            retries=_ONCE,
        )
        return _decoded(await self._read(sent), BatchObject)

    async def get(self, batch: str) -> BatchObject:
        """A batch as it is now. Raises UpstreamRefused with status 404 where there is none."""
        return _decoded(await self._read(Outgoing(method="GET", path=f"/v1/batches/{batch}")), BatchObject)

    async def cancel(self, batch: str) -> BatchObject:
        """Begin to cancel. Raises UpstreamRefused where it is over already."""
        sent = Outgoing(path=f"/v1/batches/{batch}/cancel", headers=_JSON, body=b"{}")
        return _decoded(await self._read(sent), BatchObject)

    async def marked(self, name: str, value: str, since: int) -> BatchObject | None:
        """The oldest batch with this in its metadata, among those made since then; None where there is none.

        Args:
            name: Key of the metadata.
            value: Its value.
            since: Unix seconds.
        """
        found, after = None, ""
        for _ in range(MOST_LOOKED // 100):
            page = _decoded(
                await self._read(Outgoing(method="GET", path=f"/v1/batches?limit=100{after}")), _Page
            )
            for batch in page.data:
                if (batch.metadata or {}).get(name) == value:
                    found = batch
            if not page.has_more or not page.data or page.data[-1].created_at < since:
                break
            after = f"&after={page.data[-1].id}"
        return found

    async def lines(self, file: str) -> AsyncIterator[bytes]:
        """The lines of a file, as they come.

        Raises:
            UpstreamRefused: There is no such file any more.
            UpstreamError: It did not come to its end.
        """
        reply = await self._send.send(Outgoing(method="GET", path=f"/v1/files/{file}/content"))
        if reply.status >= 400:
            raise _refused(reply.status, await reply.read())
        rest = b""
        try:
            async for piece in reply:
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    yield line
        finally:
            await reply.aclose()
        if rest:
            yield rest

    async def _read(self, outgoing: Outgoing) -> bytes:
        reply = await self._send.send(outgoing)
        body = await reply.read()
        if reply.status >= 400:
            raise _refused(reply.status, body)
        return body


_JSON: Final = (("content-type", "application/json"),)


class _Said(msgspec.Struct, frozen=True):
    code: str | None = None
    message: str | None = None


class _Error(msgspec.Struct, frozen=True):
    error: _Said = _Said()


def _refused(status: int, body: bytes) -> UpstreamRefused:
    try:
        said = msgspec.json.decode(body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = _Said()
    return UpstreamRefused(said.message or f"upstream answered {status}", status=status, code=said.code)


def _decoded(body: bytes, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamGarbled(f"expected a {kind.__name__.strip('_')} as JSON: {error}", sent=True) from None
