"""The edge: an HTTP request in, the pipeline, an HTTP reply out. Nothing is decided here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from tierwise.calls import Headers, Incoming, Outgoing
from tierwise.errors import TierwiseError, UpstreamError
from tierwise.gateway._access import Access, Caller, Refused
from tierwise.gateway._aside import aside
from tierwise.gateway._batches import Batches, Content, given_out
from tierwise.gateway._errors import (
    NO_BATCH,
    NOT_CONFIGURED,
    NOT_FOUND,
    NOT_SCOPED,
    TOO_LARGE,
    TOO_MANY,
    TOO_SLOW,
    error,
    event_of,
    of_fault,
)
from tierwise.gateway._lists import lists, own_list
from tierwise.gateway._metrics import Metrics
from tierwise.gateway._objects import Objects
from tierwise.gateway._own import Own
from tierwise.gateway._settings import Settings
from tierwise.gateway._stored import answer, going_on
from tierwise.gateway._waits import NOW, Waits, Wish
from tierwise.gateway._watch import Watching
from tierwise.online import Answer, Asked, Course, Passing, Pipeline, Reply, creates
from tierwise.upstream import Upstream

_LOG: Final = logging.getLogger("tierwise.gateway")
_DROPPED: Final = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
_READS: Final = (
    "/v1/models",
    "/v1/responses/",
    "/v1/conversations",
    "/v1/files",
    "/v1/batches",
    "/v1/chat/completions",
)
"""Beginnings of paths that every key may use, for its own objects."""


class Gateway:
    """Serves `/v1` by one pipeline and one upstream.

    Args:
        pipeline: Follows the calls.
        upstream: Sends them with a key of ours.
        passing: Sends them with the caller's own key; None refuses such callers.
        access: Finds out who calls.
        objects: Knows whose objects are.
        own: Answers under /v1/tierwise and the health paths.
        settings: Limits.
        metrics: Counts.
        watching: Looks on at calls; None where nobody asked for it.
        waits: Keeps calls whose answers come later; None where none may.
        batches: Answers for files and batches of ours; None passes them all on.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        upstream: Upstream | None,
        passing: Upstream | None,
        access: Access,
        objects: Objects,
        own: Own,
        settings: Settings,
        metrics: Metrics,
        watching: Watching | None = None,
        waits: Waits | None = None,
        batches: Batches | None = None,
    ) -> None:
        self._pipeline, self._upstream, self._passing = pipeline, upstream, passing
        self._access, self._objects, self._own = access, objects, own
        self._settings, self._metrics, self._watching = settings, metrics, watching
        self._waits = waits
        self._batches = batches
        self._under_way = 0
        metrics.under_way.set_function(lambda: self._under_way)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.rel_url.raw_path_qs
        plain = self._own.public(request.method, path)
        if plain is not None:
            return _response(plain)
        began, endpoint = time.monotonic(), creates(request.method, path) or "other"
        status = 500
        self._under_way += 1
        try:
            response = await self._admitted(request, path)
        except Refused as refused:
            status = refused.told[0]
            self._metrics.refused.labels(refused.told[1]).inc()
            return _response(error(refused.told, wait=refused.wait))
        except Exception as fault:  # noqa: BLE001 - a caller gets an error in OpenAI's form, whatever broke
            if not isinstance(fault, TierwiseError | ConnectionError):
                _LOG.exception("a request failed in the gateway")
            answer = of_fault(fault)
            status = answer.status
            return _response(answer)
        else:
            status = response.status
            return response
        finally:
            self._under_way -= 1
            self._metrics.answered(endpoint, status, time.monotonic() - began)

    async def _admitted(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if self._under_way > self._settings.at_once:
            raise Refused(TOO_MANY, 1)
        headers = {name.lower(): value for name, value in request.headers.items()}
        caller = self._access.caller(headers)
        if self._batches is not None and self._batches.takes(request, path, caller):
            with self._access.under_way(caller):
                body = await self._upload(request, caller, self._batches)
                if isinstance(body, Answer):
                    return _response(body)
                return await self._answered(request, path, body, caller, headers)
        whole = await self._body(request)
        with self._access.under_way(caller):
            return await self._answered(request, path, whole, caller, headers)

    async def _answered(
        self, request: web.BaseRequest, path: str, body: bytes, caller: Caller, headers: dict[str, str]
    ) -> web.StreamResponse:
        if path.startswith("/v1/tierwise/"):
            return _response(self._own.answer(request.method, path, body, caller, headers))
        if self._waits is not None:
            kept = await answer(self._waits, request.method, path, caller)
            if kept is not None:
                return _response(kept)
        upstream = self._sender(caller)
        ours = await self._of_batches(request, path, body, caller, headers)
        if ours is not None:
            return ours
        self._in_scope(request.method, path, body, caller)
        if self._waits is not None:
            body = await going_on(self._waits, body, caller)
        if creates(request.method, path) is None:
            return await self._pass(request, path, body, caller, upstream)
        return await self._follow(request, path, body, caller, upstream)

    async def _upload(self, request: web.BaseRequest, caller: Caller, batches: Batches) -> Answer | bytes:
        """A file, which may be larger than other bodies where it is for batches."""
        try:
            async with asyncio.timeout(self._settings.slowest_upload):
                return await batches.uploaded(request, caller)
        except TimeoutError:
            raise Refused(TOO_SLOW) from None

    async def _of_batches(
        self, request: web.BaseRequest, path: str, body: bytes, caller: Caller, headers: dict[str, str]
    ) -> web.StreamResponse | None:
        """The answer to what is about files and batches of ours; None for anything else."""
        if self._batches is None:
            return None

        async def fetch(path: str) -> Answer:
            upstream = self._sender(caller)
            page = Outgoing(method="GET", path=path, headers=_headers(request), body=b"")
            incoming = await upstream.send(page)
            whole = await incoming.read()
            if incoming.status < 400 and caller.project is not None:
                whole = await self._own_list(request, path, whole, caller.project, upstream)
            return _answer(incoming, whole)

        found = await self._batches.answer(request.method, path, body, headers, caller, fetch)
        if isinstance(found, Content):
            return await given_out(request, found)
        return _response(found) if found is not None else None

    async def _body(self, request: web.BaseRequest) -> bytes:
        length = request.content_length
        if length is not None and length > self._settings.most_body:
            raise Refused(TOO_LARGE)
        if request.content.is_eof():
            # It came whole with its headers, as small ones do: there is nothing to wait for.
            return _within(request.content.read_nowait(), self._settings.most_body)
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.slowest_body):
                async for piece in request.content.iter_any():
                    size += len(piece)
                    if size > self._settings.most_body:
                        raise Refused(TOO_LARGE)
                    pieces.append(piece)
        except TimeoutError:
            raise Refused(TOO_SLOW) from None
        return b"".join(pieces)

    def _sender(self, caller: Caller) -> Upstream:
        found = self._upstream if caller.key is not None else self._passing
        if found is None:
            raise Refused(NOT_SCOPED)
        return found

    def _in_scope(self, method: str, path: str, body: bytes, caller: Caller) -> None:
        """Whether the key may use the path, and names only objects of its project. Raises Refused."""
        if caller.key is None:
            return
        usual = creates(method, path) is not None or path.startswith(_READS)
        if not usual and not caller.key.scope.pass_through:
            raise Refused(NOT_SCOPED)
        policy = self._pipeline.policy
        if (
            method == "POST"
            and path.startswith("/v1/batches")
            and policy is not None
            and policy.limits.zero_retention
        ):
            raise Refused(NO_BATCH)
        if not self._objects.allowed(path, body, caller.key.scope.project):
            raise Refused(NOT_FOUND)

    async def _follow(
        self, request: web.BaseRequest, path: str, body: bytes, caller: Caller, upstream: Upstream
    ) -> web.StreamResponse:
        """A call to a model, with somebody looking on where that was asked for."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        wish = await self._wish(request.method, path, headers, body, caller)
        asked = Asked(
            method=request.method,
            path=path,
            headers=_headers(request),
            body=body,
            key=caller.key.name if caller.key is not None else None,
            project=caller.project,
            callers=caller.names,
            may_unroute=caller.key is None or caller.key.scope.unrouted,
            later=wish.later,
        )
        if self._watching is None:
            return await self._carry(request, asked, upstream, wish)
        with self._watching.call(asked.key, asked.project) as watch:
            asked = msgspec.structs.replace(asked, watch=watch)
            response = await self._carry(request, asked, upstream, wish)
            watch.status = response.status
            return response

    async def _wish(
        self, method: str, path: str, headers: dict[str, str], body: bytes, caller: Caller
    ) -> Wish:
        """How a call may wait. Raises Refused."""
        if self._waits is not None:
            return await self._waits.wish(method, path, headers, body, caller)
        if creates(method, path) == "chat" and headers.get("x-tierwise-store", "").strip() == "1":
            raise Refused(NOT_CONFIGURED)
        return NOW

    async def _carry(
        self, request: web.BaseRequest, asked: Asked, upstream: Upstream, wish: Wish
    ) -> web.StreamResponse:
        """The pipeline's course, driven."""
        if wish.joins is not None and self._waits is not None:
            return _response(await self._waits.reply(None, wish))
        course, incoming, pieces = Course(self._pipeline, asked), None, None
        if course.deferred is not None and self._waits is not None:
            return _response(await self._waits.reply(course, wish))
        while (outgoing := course.outgoing) is not None:
            try:
                incoming = await upstream.send(outgoing)
                whole = None if _streams(incoming) else await incoming.read()
                pieces = aiter(incoming) if whole is None else None
                reply = Reply(
                    status=incoming.status, headers=incoming.headers, body=whole, attempts=incoming.attempts
                )
                if whole is not None and self._pipeline.takes_long(len(asked.body) + len(whole)):
                    await aside(partial(course.came, reply))
                else:
                    course.came(reply)
                while course.looks and pieces is not None:
                    course.piece(await anext(pieces, None))
            except BaseException as fault:
                course.failed(fault)
                raise
            if course.outgoing is not None:
                await incoming.aclose()
        answer = course.answer
        if answer.body is not None or incoming is None:
            return _response(answer)
        responses, slow = asked.path.startswith("/v1/responses"), self._pipeline.takes_long(len(asked.body))
        return await _piped(request, answer, incoming, responses=responses, pieces=pieces, slow=slow)

    async def _pass(
        self, request: web.BaseRequest, path: str, body: bytes, caller: Caller, upstream: Upstream
    ) -> web.StreamResponse:
        """Any other request: bytes up, bytes down, but for what is another project's."""
        outgoing = Outgoing(method=request.method, path=path, headers=_headers(request), body=body)
        incoming = await upstream.send(outgoing)
        project = caller.project
        if _streams(incoming) or "/content" in path:
            return await _piped(request, _answer(incoming, None), incoming, responses=True)
        whole = await incoming.read()
        if incoming.status < 400:
            self._pipeline.late(path, whole)
        if project is not None:
            self._objects.made(request.method, path, incoming.status, whole, project)
        if project is not None and lists(request.method, path):
            whole = await self._own_list(request, path, whole, project, upstream)
        return _response(_answer(incoming, whole))

    async def _own_list(
        self, request: web.BaseRequest, path: str, first: bytes, project: str, upstream: Upstream
    ) -> bytes:
        async def fetch(path: str) -> bytes | None:
            page = Outgoing(method="GET", path=path, headers=_headers(request), body=b"")
            incoming = await upstream.send(page)
            whole = await incoming.read()
            return whole if incoming.status < 400 else None

        return await own_list(path, first, fetch, partial(self._objects.mine, project=project))


def _headers(request: web.BaseRequest) -> Headers:
    """The caller's headers; replies are asked for unpacked, since they are read along."""
    kept = tuple((n, v) for n, v in request.headers.items() if n.lower() != "accept-encoding")
    return (*kept, ("accept-encoding", "identity"))


def _answer(incoming: Incoming, body: bytes | None) -> Answer:
    return Answer(status=incoming.status, headers=incoming.headers, body=body)


def _streams(incoming: Incoming) -> bool:
    return incoming.status < 400 and (incoming.header("content-type") or "").startswith("text/event-stream")


def _within(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise Refused(TOO_LARGE)
    return body


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body or b"", headers=_kept(answer.headers))


def _kept(headers: Headers) -> CIMultiDict[str]:
    """Headers of a reply without those that this connection has its own of."""
    return CIMultiDict([pair for pair in headers if pair[0].lower() not in _DROPPED])


async def _piped(
    request: web.BaseRequest,
    answer: Answer,
    incoming: Incoming,
    *,
    responses: bool,
    pieces: AsyncIterator[bytes] | None = None,
    slow: bool = False,
) -> web.StreamResponse:
    """A stream, piece by piece as it comes; one that breaks ends as an error, never as if it had ended.

    `slow`: its last event takes long to take down.
    """
    response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
    passage = answer.passage
    try:
        await response.prepare(request)
        try:
            if answer.held:
                await response.write(answer.held)
            async for piece in pieces or incoming:
                out = piece
                if passage is not None:
                    out = await aside(partial(passage.feed, piece)) if slow else passage.feed(piece)
                if out:
                    await response.write(out)
            last = _end(passage)
        except UpstreamError as fault:
            if passage is None:
                raise
            last = event_of(fault, responses=responses)
        if last:
            await response.write(last)
        await response.write_eof()
    finally:
        # Before its end nothing has been settled: the caller has left, or upstream broke.
        if passage is not None:
            passage.left()
        await incoming.aclose()
    return response


def _end(passage: Passing | None) -> bytes:
    return passage.end() if passage is not None else b""
