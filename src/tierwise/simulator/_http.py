"""The HTTP edge: routes, keys, request bodies, error bodies and headers."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from tierwise.simulator._ask import Json
from tierwise.simulator._deliver import Sender, hang_up
from tierwise.simulator._errors import Refusal, bad, missing, not_found
from tierwise.simulator._faults import Fault, refusal
from tierwise.simulator._files import page
from tierwise.simulator._service import Caller, Received, Reply, Service
from tierwise.simulator._small import list_models, show_model

_log: Final = logging.getLogger("tierwise.simulator")
LARGEST_BODY: Final = 512 * 1024 * 1024
_HINT: Final = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_HEADERS: Final = web.RequestKey[dict[str, str]]("headers")
_BODY: Final = web.RequestKey("body", object)
_CALLER: Final = web.RequestKey("caller", Caller)


class Edge:
    """Turns requests into calls of the service, and what they return into bytes."""

    def __init__(self, service: Service, sender: Sender) -> None:
        self._service = service
        self._sender = sender

    def app(self) -> web.Application:
        """The application with its routes."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._around])
        add = app.router.add_route
        add("POST", "/v1/chat/completions", self._chat)
        add("POST", "/v1/responses", self._respond)
        add("POST", "/v1/responses/input_tokens", self._count)
        add("POST", "/v1/responses/compact", self._compact)
        add("GET", "/v1/responses/{id}", self._response)
        add("DELETE", "/v1/responses/{id}", self._delete_response)
        add("POST", "/v1/responses/{id}/cancel", self._cancel_response)
        add("GET", "/v1/responses/{id}/input_items", self._input_items)
        add("POST", "/v1/conversations", self._new_conversation)
        add("GET", "/v1/conversations/{id}", self._conversation)
        add("DELETE", "/v1/conversations/{id}", self._delete_conversation)
        add("GET", "/v1/conversations/{id}/items", self._conversation_items)
        add("POST", "/v1/embeddings", self._embed)
        add("POST", "/v1/decisions", self._decide)
        add("GET", "/v1/models", self._models)
        add("GET", "/v1/models/{id}", self._model)
        add("POST", "/v1/files", self._upload)
        add("GET", "/v1/files", self._files)
        add("GET", "/v1/files/{id}", self._file)
        add("DELETE", "/v1/files/{id}", self._delete_file)
        add("GET", "/v1/files/{id}/content", self._content)
        add("POST", "/v1/batches", self._new_batch)
        add("GET", "/v1/batches", self._batches)
        add("GET", "/v1/batches/{id}", self._batch)
        add("POST", "/v1/batches/{id}/cancel", self._cancel_batch)
        add("GET", "/simulator/bill", self._bill)
        return app

    # What every request goes through.

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keys, faults, errors and headers around every handler."""
        if not request.path.startswith("/v1"):
            return await handler(request)
        await self._receive(request)
        request_id = self._service.engine.ids.plain("req")
        headers = self._headers(request_id)
        request[_HEADERS] = headers
        try:
            key = _key(request)
            request[_BODY] = await _body(request)
            fault = self._strike(request)
            request[_CALLER] = Caller(request_id=request_id, key=key, fault=fault)
            if fault is not None and fault.kind == "reset":
                return hang_up(request)
            _refuse(fault)
            return await handler(request)
        except Refusal as error:
            return await self._sender.json(request, error.body, headers | error.headers, status=error.status)
        except web.HTTPException as error:
            wrong = _unrouted(request, error)
            return await self._sender.json(request, wrong.body, headers, status=wrong.status)
        except ConnectionError:
            # The client left; there is nobody to answer.
            return hang_up(request)
        except Exception as error:  # noqa: BLE001 - a fault of ours still answers in OpenAI's form
            _log.exception("the simulator failed on %s %s", request.method, request.path)
            own = Refusal(500, f"the simulator failed: {type(error).__name__}: {error}", kind="server_error")
            return await self._sender.json(request, own.body, headers, status=500)

    async def _receive(self, request: web.Request) -> None:
        """Count the request, and keep it where that is asked for."""
        self._service.count_request()
        if self._service.engine.settings.keep_requests:
            headers = {k.lower(): v for k, v in request.headers.items() if k.lower() != "authorization"}
            # A form is read once, by whoever takes its file out.
            form = request.content_type.startswith("multipart/")
            body = b"" if form else await request.read()
            kept = Received(method=request.method, path=request.path_qs, headers=headers, body=body)
            self._service.received.append(kept)

    def _headers(self, request_id: str) -> dict[str, str]:
        draw = self._service.engine.dice.between(20, 900, "ms", request_id)
        return {
            "x-request-id": request_id,
            "openai-processing-ms": str(draw),
            "openai-version": "2020-10-01",
            "openai-organization": "org-simulator",
        }

    def _strike(self, request: web.Request) -> Fault | None:
        body = request[_BODY]
        tier = body.get("service_tier") if isinstance(body, dict) else None
        return self._service.faults.strike(
            request.path, posted=request.method == "POST", tier=str(tier or "")
        )

    def _limited(self, request: web.Request) -> Json:
        """The JSON object of a call, counted against the limits, whose headers are added."""
        body = request[_BODY]
        if not isinstance(body, dict):
            raise bad(_HINT)
        size = request.content_length or 0
        request[_HEADERS].update(self._service.engine.limit(body, size))
        return body

    async def _reply(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        fault, headers = request[_CALLER].fault, request[_HEADERS]
        if reply.stream is not None:
            return await self._sender.events(request, reply.stream, headers, fault)
        return await self._sender.json(request, reply.body, headers, fault)

    async def _send(self, request: web.Request, body: Any) -> web.StreamResponse:
        return await self._reply(request, Reply(body=body))

    # Calls.

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._reply(request, self._service.chat(self._limited(request), request[_CALLER]))

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        return await self._reply(request, self._service.respond(self._limited(request), request[_CALLER]))

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.embed(self._limited(request), request[_CALLER]))

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.decide(self._limited(request), request[_CALLER]))

    async def _compact(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.compact(self._limited(request), request[_CALLER]))

    async def _count(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.count(_object(request)))

    # Stored responses and conversations.

    async def _response(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if request.query.get("stream") == "true":
            after = request.query.get("starting_after")
            return await self._reply(request, self._service.replay(name, int(after) if after else None))
        return await self._send(request, self._service.shelf.show(name))

    async def _delete_response(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.shelf.delete(request.match_info["id"]))

    async def _cancel_response(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.shelf.cancel(request.match_info["id"]))

    async def _input_items(self, request: web.Request) -> web.StreamResponse:
        return await self._send(
            request, _paged(request, self._service.shelf.input_items(request.match_info["id"]))
        )

    async def _new_conversation(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.shelf.create_conversation(_object(request)))

    async def _conversation(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.shelf.conversation(request.match_info["id"]))

    async def _delete_conversation(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.shelf.delete_conversation(request.match_info["id"]))

    async def _conversation_items(self, request: web.Request) -> web.StreamResponse:
        items = self._service.shelf.items(request.match_info["id"])
        named = [{"id": f"msg_{at:032x}", "type": "message", **item} for at, item in enumerate(items)]
        return await self._send(request, _paged(request, named[::-1]))

    # Models, files, batches, bill.

    async def _models(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, list_models(self._service.engine))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        return await self._send(
            request, show_model(self._service.engine.model(request.match_info["id"], "chat"))
        )

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            raise missing("file")
        purpose = form.get("purpose")
        seconds = form.get("expires_after[seconds]")
        made = self._service.files.add(
            file.file.read(),
            file.filename,
            purpose if isinstance(purpose, str) else None,
            int(seconds) if isinstance(seconds, str) and seconds.isdigit() else None,
        )
        return await self._send(request, made.body)

    async def _files(self, request: web.Request) -> web.StreamResponse:
        return await self._send(
            request, _paged(request, self._service.files.all(request.query.get("purpose")), 10_000)
        )

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.files.get(request.match_info["id"]).body)

    async def _delete_file(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.files.delete(request.match_info["id"]))

    async def _content(self, request: web.Request) -> web.StreamResponse:
        content = self._service.files.get(request.match_info["id"]).content
        headers = request[_HEADERS] | {"content-type": "application/octet-stream"}
        return web.Response(body=content, headers=headers)

    async def _new_batch(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.batches.create(_object(request), request[_CALLER].key))

    async def _batches(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, _paged(request, self._service.batches.all()))

    async def _batch(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.batches.get(request.match_info["id"]))

    async def _cancel_batch(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, self._service.batches.cancel(request.match_info["id"]))

    async def _bill(self, _: web.Request) -> web.StreamResponse:
        self._service.advance()
        bill = self._service.engine.bill
        body = {"total": bill.total, "unpriced": bill.unpriced, "lines": bill.lines}
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _refuse(fault: Fault | None) -> None:
    """Raise the error of a fault that answers with one."""
    refused = None if fault is None else refusal(fault)
    if refused is not None:
        raise refused


def _key(request: web.Request) -> str:
    """The API key; any that begins with 'sk-' is right."""
    given = request.headers.get("authorization", "")
    if not given.lower().startswith("bearer ") or not given[7:].strip():
        raise Refusal(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using "
            "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    key = given[7:].strip()
    if not key.startswith("sk-"):
        shown = key if len(key) < 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
        raise Refusal(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")
    return key


async def _body(request: web.Request) -> Any:
    """The JSON body, an empty object where there is none; lone surrogates become replacement characters."""
    if request.method != "POST" or request.content_type.startswith("multipart/"):
        return {}
    raw = await request.read()
    if not raw:
        return {}
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        found = json.loads(raw.decode("utf-8", "replace"))
        return msgspec.json.decode(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise bad(_HINT) from None


def _object(request: web.Request) -> Json:
    body = request[_BODY]
    if not isinstance(body, dict):
        raise bad(_HINT)
    return body


def _paged(request: web.Request, items: list[Json], default: int = 20) -> Json:
    """A page of items given newest first, by the query's `after`, `limit` and `order`."""
    given = request.query.get("limit")
    if given is not None and not given.isdigit():
        raise bad(
            f"Invalid 'limit': expected an integer, got '{given}'.", param="limit", code="invalid_value"
        )
    limit = int(given) if given else default
    return page(
        items, request.query.get("after"), max(1, limit), newest_first=request.query.get("order") != "asc"
    )


def _unrouted(request: web.Request, error: web.HTTPException) -> Refusal:
    """Paths and methods that the API does not have."""
    if error.status == 404:
        return not_found(f"Invalid URL ({request.method} {request.path})")
    if error.status == 405:
        return Refusal(
            405,
            f"Not allowed to {request.method} on {request.path}. (HINT: Perhaps you meant to use a different HTTP method?)",
            code="method_not_supported",
        )
    return Refusal(error.status, error.reason)
