"""The place in an OpenAI client where its calls pass: an HTTP client that hands on to the one before.

Every method of the SDK (`create`, `parse`, `stream`, raw and streaming responses) ends in one
request of bytes, so that is where calls are followed. The SDK runs on httpx2, older ones and
clients of the caller's own on httpx; both have the same interface.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from tierwise.calls import Headers, Outgoing
from tierwise.errors import CallerError
from tierwise.online import Answer, Asked, Course, Labels, Pipeline, Reply

_HOP = frozenset({"host", "content-length", "transfer-encoding"})
"""Headers that belong to one connection and are made anew."""
_OF_PACKING = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of a body as it was packed; the caller gets it unpacked."""
LIBRARIES = ("httpx2", "httpx")


def library_of(client: Any) -> ModuleType:
    """The HTTP library whose client this is. Raises CallerError for any other object."""
    for kind in type(client).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in LIBRARIES:
            return importlib.import_module(name)
    raise CallerError(
        f"expected an OpenAI client over httpx2 or httpx, got one over {type(client).__module__.partition('.')[0]}"
    )


def followed(inner: Any, pipeline: Pipeline, labels: Callable[[], Labels]) -> Any:
    """An HTTP client like `inner` whose calls are followed; closing it closes `inner`."""
    library: Any = library_of(inner)
    kinds = _kinds(library)
    awaited = isinstance(inner, library.AsyncClient)
    transport = (kinds.asynchronous if awaited else kinds.blocking)(kinds, inner, pipeline, labels)
    make = library.AsyncClient if awaited else library.Client
    # What the inner client adds to requests that it builds, this one adds; `inner.send` adds nothing.
    return make(
        transport=transport,
        headers=inner.headers,
        params=inner.params,
        cookies=inner.cookies,
        timeout=inner.timeout,
        trust_env=False,
        follow_redirects=False,
    )


def is_followed(client: Any) -> bool:
    """Whether an HTTP client came from `followed`."""
    return pipeline_of(client) is not None


def pipeline_of(client: Any) -> Pipeline | None:
    """The pipeline that an HTTP client's calls go through; None where it is not ours."""
    found = getattr(getattr(client, "_transport", None), "pipeline", None)
    return found if isinstance(found, Pipeline) else None


class _Going:
    """One request: between the library's values and the pipeline's."""

    def __init__(self, library: Any, request: Any, body: bytes, labels: Labels) -> None:
        self.library = library
        self.request = request
        self.body = body
        self.path = request.url.raw_path.decode("ascii")
        self.headers: Headers = tuple(request.headers.multi_items())
        self.labels = labels

    def asked(self) -> Asked:
        """The request as the pipeline takes it."""
        return Asked(
            method=self.request.method,
            path=self.path,
            headers=self.headers,
            body=self.body,
            labels=self.labels,
        )

    def outgoing(self, outgoing: Outgoing) -> Any:
        """What is to be sent, as the library takes it: to the same host, with the same timeouts."""
        url = self.request.url
        if outgoing.path != self.path:
            url = url.copy_with(raw_path=outgoing.path.encode("ascii"))
        headers = [(name, value) for name, value in outgoing.headers if name.lower() not in _HOP]
        return self.library.Request(
            outgoing.method,
            url,
            headers=headers,
            content=outgoing.body or None,
            extensions=dict(self.request.extensions),
        )

    def reply(self, response: Any, body: bytes | None) -> Reply:
        """What came back."""
        kept = tuple((n, v) for n, v in response.headers.multi_items() if n.lower() not in _OF_PACKING)
        return Reply(status=response.status_code, headers=kept, body=body)

    def response(self, answer: Answer, stream: Any) -> Any:
        """The answer as the library gives it to the SDK."""
        if stream is not None:
            return self.library.Response(answer.status, headers=list(answer.headers), stream=stream)
        return self.library.Response(answer.status, headers=list(answer.headers), content=answer.body or b"")


def _streams(response: Any) -> bool:
    """Whether a reply is to be passed on as it comes: an event stream, or anything that is not JSON."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code < 400 and kind not in {"application/json", "text/plain", ""}


class _Piped:
    """A stream through a passage."""

    def __init__(self, response: Any, pieces: Iterator[bytes], answer: Answer) -> None:
        self.response, self.pieces, self.passage, self.held = response, pieces, answer.passage, answer.held

    def __iter__(self) -> Iterator[bytes]:
        passage = self.passage
        if self.held:
            yield self.held
        for piece in self.pieces:
            out = passage.feed(piece) if passage is not None else piece
            if out:
                yield out
        last = passage.end() if passage is not None else b""
        if last:
            yield last

    def close(self) -> None:
        if self.passage is not None:
            self.passage.left()
        self.response.close()


class _AsyncPiped:
    """The same, awaited."""

    def __init__(self, response: Any, pieces: AsyncIterator[bytes], answer: Answer) -> None:
        self.response, self.pieces, self.passage, self.held = response, pieces, answer.passage, answer.held

    async def __aiter__(self) -> AsyncIterator[bytes]:
        passage = self.passage
        if self.held:
            yield self.held
        async for piece in self.pieces:
            out = passage.feed(piece) if passage is not None else piece
            if out:
                yield out
        last = passage.end() if passage is not None else b""
        if last:
            yield last

    async def aclose(self) -> None:
        if self.passage is not None:
            self.passage.left()
        await self.response.aclose()


class _Followed:
    """What both transports hold."""

    def __init__(self, kinds: _Kinds, inner: Any, pipeline: Pipeline, labels: Callable[[], Labels]) -> None:
        self.kinds, self.inner, self.pipeline, self.labels = kinds, inner, pipeline, labels


class _Blocking(_Followed):
    """Follows the calls of a blocking client."""

    def handle_request(self, request: Any) -> Any:
        going = _Going(self.kinds.library, request, request.read(), self.labels())
        course, response, pieces = Course(self.pipeline, going.asked()), None, None
        while (outgoing := course.outgoing) is not None:
            try:
                response = self.inner.send(going.outgoing(outgoing), stream=True)
                body = None if _streams(response) else response.read()
                pieces = response.iter_bytes() if body is None else iter(())
                course.came(going.reply(response, body))
                while course.looks:
                    course.piece(next(pieces, None))
            except BaseException as fault:
                if not course.failed(fault):
                    raise
                continue
            if course.outgoing is not None:
                response.close()
        answer = course.answer
        piped = self.kinds.piped(response, pieces, answer) if answer.body is None else None
        return going.response(answer, piped)

    def close(self) -> None:
        self.inner.close()


class _Asynchronous(_Followed):
    """Follows the calls of an asynchronous client."""

    async def handle_async_request(self, request: Any) -> Any:
        going = _Going(self.kinds.library, request, await request.aread(), self.labels())
        course, response, pieces = Course(self.pipeline, going.asked()), None, None
        while (outgoing := course.outgoing) is not None:
            try:
                response = await self.inner.send(going.outgoing(outgoing), stream=True)
                body = None if _streams(response) else await response.aread()
                pieces = response.aiter_bytes() if body is None else None
                course.came(going.reply(response, body))
                while course.looks and pieces is not None:
                    course.piece(await anext(pieces, None))
            except BaseException as fault:
                if not course.failed(fault):
                    raise
                continue
            if course.outgoing is not None:
                await response.aclose()
        answer = course.answer
        piped = self.kinds.async_piped(response, pieces, answer) if answer.body is None else None
        return going.response(answer, piped)

    async def aclose(self) -> None:
        await self.inner.aclose()


class _Kinds:
    """Our classes, made ones of an HTTP library: its own are only known once it is loaded."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.piped: Any = type("Piped", (_Piped, library.SyncByteStream), {})
        self.async_piped: Any = type("AsyncPiped", (_AsyncPiped, library.AsyncByteStream), {})
        self.blocking: Any = type("Blocking", (_Blocking, library.BaseTransport), {})
        self.asynchronous: Any = type("Asynchronous", (_Asynchronous, library.AsyncBaseTransport), {})


@cache
def _kinds(library: ModuleType) -> _Kinds:
    return _Kinds(library)
