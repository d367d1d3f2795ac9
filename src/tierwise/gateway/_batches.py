"""`/v1/files` and `/v1/batches` of ours: files for batches are kept here, and decided line by line.

What is not ours is passed on as ever: other purposes, batches of files that upstream has, callers with
a key of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from aiohttp import web

from tierwise.batch import FILE_PREFIX, JOB_PREFIX, Job, progress, shown
from tierwise.calls import BATCHED
from tierwise.errors import RequestError
from tierwise.gateway._access import Caller, Refused
from tierwise.gateway._errors import NOT_FOUND
from tierwise.gateway._uploads import MONTH, SHORTEST, Uploads
from tierwise.gateway._waits import Waits
from tierwise.ledger import Files, JobItems, Jobs, Ledger
from tierwise.online import Answer, Pipeline, creates, seconds

_JSON: Final = (("content-type", "application/json"),)
_US: Final = 1_000_000
DAY: Final = 86_400
OURS: Final = "x-tierwise-"
_USUAL: Final = {"files": 10_000, "batches": 20}
"""Items of a list's page where the caller does not say how many."""
ENDPOINTS: Final = tuple(path for path in BATCHED if creates("POST", path) is not None)
"""Endpoints whose calls can be decided."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is given out piece by piece."""

    size: int
    pieces: Iterator[bytes]


Fetch = Callable[[str], Awaitable[Answer]]
"""Gets a list of upstream's, with only what is the caller's in it."""


class _Ask(msgspec.Struct, frozen=True, kw_only=True):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_after: dict[str, Any] | None = None


class Batches:
    """Files and batches of callers with a gateway key.

    Args:
        uploads: Files.
        jobs: Where jobs are kept.
        items: Knows how far their requests are.
        defers: Whether the policy lets calls wait for Batch now.
        clock: Unix seconds.
    """

    def __init__(
        self,
        uploads: Uploads,
        jobs: Jobs,
        items: JobItems,
        defers: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._uploads, self._jobs, self._items = uploads, jobs, items
        self._defers, self._clock = defers, clock

    def takes(self, request: web.BaseRequest, path: str, caller: Caller) -> bool:
        """Whether a request uploads a file that may be for batches: then its body is read by `uploaded`."""
        bare = path.partition("?")[0].rstrip("/")
        said = request.headers.get("content-type", "").lower()
        form = said.startswith("multipart/form-data")
        return (
            request.method == "POST"
            and bare == "/v1/files"
            and form
            and caller.key is not None
            and self._defers()
        )

    async def uploaded(self, request: web.BaseRequest, caller: Caller) -> Answer | bytes:
        """The file, taken in as it comes; what is not for batches as its bytes.

        Raises:
            Refused: Too large.
            RequestError: No form.
        """
        said, body = request.headers.get("content-type", ""), request.content.iter_any()
        found = await self._uploads.take(said, body, caller.project or "")
        return found if isinstance(found, bytes) else _json(found)

    async def answer(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], caller: Caller, fetch: Fetch
    ) -> Answer | Content | None:
        """The answer to a request that is about something of ours; None for any other.

        Raises:
            Refused: There is no such thing in the caller's project.
            RequestError: A batch that cannot be made.
        """
        if caller.key is None:
            return None
        bare, _, query = path.partition("?")
        parts = bare.strip("/").split("/")
        if parts[0] != "v1" or len(parts) < 2 or parts[1] not in _USUAL:
            return None
        project = caller.key.scope.project
        if len(parts) == 2 and method == "GET":
            return await self._list(parts[1], dict(parse_qsl(query)), project, fetch)
        if len(parts) == 2 and parts[1] == "batches" and method == "POST":
            return await asyncio.to_thread(self._create, body, headers, caller)
        if len(parts) > 2 and parts[2].startswith((FILE_PREFIX, JOB_PREFIX)):
            return await asyncio.to_thread(self._one, method, parts[2:], project)
        return None

    def _one(self, method: str, parts: list[str], project: str) -> Answer | Content:
        """One file or batch of ours."""
        match method, parts:
            case "GET", [name] if name.startswith(FILE_PREFIX):
                return _json(self._uploads.shown(name, project))
            case "DELETE", [name] if name.startswith(FILE_PREFIX):
                return _json(self._uploads.delete(name, project))
            case "GET", [name, "content"] if name.startswith(FILE_PREFIX):
                size, pieces = self._uploads.content(name, project)
                return Content(size=size, pieces=pieces)
            case "GET", [name]:
                return _json(self._shown(self._mine(name, project)))
            case "POST", [name, "cancel"]:
                return self._cancel(self._mine(name, project))
        raise Refused(NOT_FOUND)

    def _mine(self, name: str, project: str) -> Job:
        found = self._jobs.find(name)
        if found is None or found.project != project:
            raise Refused(NOT_FOUND)
        return found

    def _shown(self, job: Job) -> dict[str, Any]:
        counts = self._items.counts(job.id) if job.ended is None and job.begun is not None else None
        return shown(job, progress(counts) if counts is not None else None)

    def _cancel(self, job: Job) -> Answer:
        if job.ended is not None:
            raise Refused((409, "batch_ended", f"the batch is {job.state}; it cannot be cancelled"))
        return _json(self._shown(self._jobs.cancel(job.id, int(self._clock() * 1e6)) or job))

    def _create(self, body: bytes, headers: Mapping[str, str], caller: Caller) -> Answer | None:
        """A new batch of a file of ours; None for one of upstream's."""
        if FILE_PREFIX.encode() not in body or caller.key is None:
            return None
        try:
            asked = msgspec.json.decode(body, type=_Ask)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(f"expected a batch as JSON: {error}") from None
        if not asked.input_file_id.startswith(FILE_PREFIX):
            return None
        project = caller.key.scope.project
        if self._uploads.find(asked.input_file_id, project).purpose != "batch":
            raise RequestError("expected a file with purpose 'batch' as input_file_id")
        now = int(self._clock() * 1e6)
        job = Job(
            id=_identity(project, caller.key.name, headers.get("idempotency-key")),
            project=project,
            key=caller.key.name,
            endpoint=_endpoint(asked.endpoint),
            input=asked.input_file_id,
            made=now,
            due=now + _wait(asked, headers) * _US,
            metadata=_metadata(asked.metadata),
            keep=_keep(asked.output_expires_after),
            labels=_labels(asked, headers),
        )
        # A repeat of the same request is the same batch.
        made = job if self._jobs.add(job) else self._mine(job.id, project)
        return _json(self._shown(made))

    async def _list(self, kind: str, query: dict[str, str], project: str, fetch: Fetch) -> Answer | None:
        """What is ours, newest first, then what upstream has."""
        prefix = FILE_PREFIX if kind == "files" else JOB_PREFIX
        after, said = query.get("after"), query.get("limit", "")
        limit = max(1, int(said)) if said.isascii() and said.isdigit() else _USUAL[kind]
        ours: list[dict[str, Any]] = []
        if after is None or after.startswith(prefix):
            ours = await asyncio.to_thread(self._ours, kind, query, project, limit + 1)
        if not ours and after is None:
            return None
        if len(ours) > limit:
            return _page(ours[:limit], more=True)
        rest = {
            name: value for name, value in query.items() if name != "after" or not value.startswith(prefix)
        }
        left = limit - len(ours)
        answer = await fetch(f"/v1/{kind}?{urlencode({**rest, 'limit': str(max(1, left))})}")
        if answer.status >= 400:
            return answer
        theirs = msgspec.json.decode(answer.body or b"{}", type=dict[str, Any])
        items = theirs.get("data", [])
        more = bool(theirs.get("has_more")) or len(items) > left
        return _page([*ours, *items[:left]], more=more)

    def _ours(self, kind: str, query: dict[str, str], project: str, most: int) -> list[dict[str, Any]]:
        if kind == "files":
            return self._uploads.listed(project, query, most)
        return [self._shown(job) for job in self._jobs.all(project, after=query.get("after"), most=most)]


async def given_out(request: web.BaseRequest, content: Content) -> web.StreamResponse:
    """Content that is opened piece by piece as it leaves."""
    response = web.StreamResponse(headers={"content-type": "application/octet-stream"})
    response.content_length = content.size
    await response.prepare(request)
    while (piece := await asyncio.to_thread(next, content.pieces, None)) is not None:
        await response.write(piece)
    await response.write_eof()
    return response


def batches_of(waits: Waits | None, ledger: Ledger, pipeline: Pipeline, most_body: int) -> Batches | None:
    """What answers for files and batches of ours; None where nothing is kept.

    Args:
        waits: Keeps what waits.
        ledger: Where files and jobs are kept.
        pipeline: Has the policy, which may change.
        most_body: Bytes of an upload that is passed on.
    """
    if waits is None:
        return None
    uploads = Uploads(Files(ledger), waits.sealer, most_body)

    def defers() -> bool:
        return pipeline.policy is not None and pipeline.policy.defers

    return Batches(uploads, Jobs(ledger), JobItems(ledger), defers)


def _identity(project: str, key: str, repeat: str | None) -> str:
    """The id of a new job: by chance, or the same for the same idempotency key."""
    if not repeat:
        return f"{JOB_PREFIX}{token_hex(12)}"
    return JOB_PREFIX + sha256(msgspec.json.encode([project, key, repeat])).hexdigest()[:24]


def _endpoint(said: str) -> str:
    if said not in ENDPOINTS:
        raise RequestError(f"expected endpoint as one of {', '.join(ENDPOINTS)}, got {said:.100}")
    return said


def _wait(asked: _Ask, headers: Mapping[str, str]) -> int:
    """Seconds in which answers are wanted. Raises RequestError for a time that is none, or past."""
    if asked.completion_window != "24h":
        raise RequestError(f"expected completion_window '24h', got {asked.completion_window:.40}")
    said = headers.get(f"{OURS}deadline") or (asked.metadata or {}).get("deadline")
    if said is None:
        return DAY
    found = seconds(said)
    if found is None:
        raise RequestError(f"expected a deadline ahead such as 90, 15m or 24h, got {said:.40}")
    return found


def _labels(asked: _Ask, headers: Mapping[str, str]) -> dict[str, str]:
    """What is said of every line beside it: a line's own deadline counts where the batch has none."""
    found = {name: value for name, value in headers.items() if name.startswith(OURS)}
    said = (asked.metadata or {}).get("deadline")
    return {f"{OURS}deadline": said, **found} if said is not None else found


def _metadata(given: dict[str, str] | None) -> dict[str, str] | None:
    """Limits as OpenAI has them. Source: SDK, `Metadata`."""
    if given is not None and (
        len(given) > 16 or any(len(name) > 64 or len(value) > 512 for name, value in given.items())
    ):
        raise RequestError("expected metadata of at most 16 pairs, keys of 64 and values of 512 characters")
    return given


def _keep(given: dict[str, Any] | None) -> int | None:
    if given is None:
        return None
    found = given.get("seconds")
    if not isinstance(found, int) or not SHORTEST <= found <= MONTH:
        raise RequestError(f"expected output_expires_after.seconds from {SHORTEST} to {MONTH}")
    return int(found)


def _page(items: list[dict[str, Any]], *, more: bool) -> Answer:
    ends = (
        {"first_id": items[0]["id"], "last_id": items[-1]["id"]}
        if items
        else {"first_id": None, "last_id": None}
    )
    return _json({"object": "list", "data": items, **ends, "has_more": more})


def _json(value: dict[str, Any]) -> Answer:
    return Answer(status=200, headers=_JSON, body=msgspec.json.encode(value))
