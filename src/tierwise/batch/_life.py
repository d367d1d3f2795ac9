"""The life of one batch: whatever comes next for it, one thing at a time.

Every step looks first at what is kept, so that it does no harm if it is done twice, by two processes, or
again after a crash in its middle:

    new --upload--> has a file --create--> upstream's --look--> over --settle--> settled

Creating is not idempotent: our id of the batch stands in its metadata and is looked for before, and
nobody creates who has not had the batch for himself a moment ago.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Final

import msgspec

from tierwise.batch._form import OVER, latest
from tierwise.batch._means import Means
from tierwise.batch._protocols import Api
from tierwise.batch._results import error_body, failures, outcome
from tierwise.batch._types import Batch, Outcome
from tierwise.calls import BatchObject, batch_line, batch_results
from tierwise.errors import SealBroken, TierwiseError, UpstreamRefused

_LOG: Final = logging.getLogger("tierwise.batch")
MARK: Final = "tierwise_batch"
"""Key of the metadata that has our id of the batch."""
LOST: Final = "body_lost"
"""Code of a request that does not open any more."""
GROUP: Final = 500
"""Ends kept in one transaction."""
_SOON: Final = 0.0
_AGAIN: Final = (1.0, 5.0, 15.0, 60.0)
"""Seconds to wait after the first fault, the second and so on; the last stands."""


class Life:
    """What is done for batches by one process.

    Args:
        means: What it is done with.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._faults: dict[str, int] = {}

    async def step(self, identity: str) -> float | None:
        """Do what comes next for a batch: seconds until the step after it; None at the end.

        Faults of upstream or the database are logged and the step is done again later.
        """
        try:
            wait = await self._next(identity)
        except TierwiseError as fault:
            count = self._faults[identity] = self._faults.get(identity, 0) + 1
            _LOG.warning("batch %s: %s; trying again", identity, fault)
            return _AGAIN[min(count, len(_AGAIN)) - 1]
        self._faults.pop(identity, None)
        return wait

    async def _next(self, identity: str) -> float | None:
        batch = self._means.store.batch(identity)
        if batch is None or batch.ended is not None:
            return None
        if not self._mine(identity):
            return self._means.settings.lease
        api = self._means.senders.api(batch.sender)
        if batch.upstream is None:
            if batch.file is None:
                return await self._upload(batch, api)
            return await self._create(batch, api)
        seen = await api.get(batch.upstream)
        if seen.ended:
            return await self._settle(batch, seen, api)
        return await self._wait(batch, seen, api)

    def _mine(self, identity: str) -> bool:
        now = self._means.now()
        until = now + int(self._means.settings.lease * 1e6)
        return self._means.store.claim(identity, self._means.runner, now, until)

    def _content(self, batch: Batch) -> bytes:
        """The input file; a request that does not open is over, so that the others go."""
        lines, lost = [], []
        for identity, sealed in self._means.store.lines(batch.id):
            try:
                lines.append(batch_line(identity, batch.path, self._means.sealer.open(identity, sealed)))
            except SealBroken as broken:
                body = error_body(LOST, str(broken))
                lost.append(Outcome(id=identity, state="failed", body=body, error=LOST))
        self._kept(lost)
        return b"".join(lines)

    async def _upload(self, batch: Batch, api: Api) -> float | None:
        """A file that a crash makes us forget is not billed, and expires."""
        content = await asyncio.to_thread(self._content, batch)
        if not content or self._unwanted(batch, self._means.now()):
            return await self._over(batch, "empty")
        file = await api.upload(f"{batch.id}.jsonl", content)
        self._means.store.note(msgspec.structs.replace(batch, file=file))
        return _SOON

    async def _create(self, batch: Batch, api: Api) -> float | None:
        found = await api.marked(MARK, batch.id, batch.made // 1_000_000 - 60)
        if found is None and self._unwanted(batch, self._means.now()):
            return await self._over(batch, "late")
        if found is None:
            digest = await asyncio.to_thread(lambda: hashlib.sha256(self._content(batch)).hexdigest())
            if not self._mine(batch.id):
                return self._means.settings.lease
            try:
                found = await api.create(batch.file or "", batch.path, {MARK: batch.id, "sha256": digest})
            except UpstreamRefused as refused:
                return await self._not_created(batch, refused)
        self._means.store.note(msgspec.structs.replace(batch, upstream=found.id, status=found.status))
        return self._means.settings.first_look

    async def _not_created(self, batch: Batch, refused: UpstreamRefused) -> float | None:
        """Upstream would not have it: later, with a new file, or never."""
        if refused.status == 404:
            self._means.store.note(msgspec.structs.replace(batch, file=None))
            return self._means.settings.first_look
        if refused.status in {408, 409, 429} or refused.status >= 500:
            raise refused
        body = error_body(refused.code, str(refused))
        ends = [
            Outcome(id=found.item.id, state="failed", status=refused.status, body=body, error=refused.code)
            for found in self._means.store.left(batch.id)
        ]
        await self._keep(ends)
        return await self._over(batch, "failed")

    async def _wait(self, batch: Batch, seen: BatchObject, api: Api) -> float:
        now = self._means.now()
        if seen.status != batch.status:
            self._means.store.note(msgspec.structs.replace(batch, status=seen.status))
        if seen.status not in {"cancelling", "finalizing"} and self._unwanted(batch, now):
            await api.cancel(seen.id)
            return self._means.settings.first_look
        return self._means.settings.look_after((now - batch.made) / 1e6)

    def _unwanted(self, batch: Batch, now: int) -> bool:
        """Whether it would be too late for the first answer in it, or nobody waits for any."""
        due = self._means.store.due_in(batch.id)
        return due is None or due <= latest(now, self._means.settings)

    async def _settle(self, batch: Batch, seen: BatchObject, api: Api) -> float | None:
        """Keep what was finished, paid as it is; what was not waits again."""
        if seen.status == "failed":
            return await self._settle_failed(batch, seen)
        for file in (seen.output_file_id, seen.error_file_id):
            if file is None:
                continue
            group: list[bytes] = []
            async for line in api.lines(file):
                group.append(line)
                if len(group) >= GROUP:
                    await self._keep(await asyncio.to_thread(self._outcomes, batch, group))
                    group = []
            await self._keep(await asyncio.to_thread(self._outcomes, batch, group))
        return await self._over(batch, seen.status)

    async def _settle_failed(self, batch: Batch, seen: BatchObject) -> float | None:
        codes = [problem.code for problem in seen.problems]
        if OVER in codes:
            return await self._over(msgspec.structs.replace(batch, failed=OVER), "failed")
        ids = [identity for identity, _ in self._means.store.lines(batch.id)]
        await self._keep(list(failures(batch, seen.problems, ids)))
        code = codes[0] if codes and codes[0] else "failed"
        return await self._over(msgspec.structs.replace(batch, failed=code), "failed")

    async def _over(self, batch: Batch, status: str) -> float | None:
        ended = msgspec.structs.replace(batch, status=status)
        back = await asyncio.to_thread(self._closed, ended)
        _LOG.info("batch %s is %s; %d of its %d requests wait again", batch.id, status, back, batch.items)
        return None

    def _closed(self, batch: Batch) -> int:
        for found in self._means.store.left(batch.id):
            if found.state == "cancelled":
                self._means.told(found, Outcome(id=found.item.id, state="cancelled"))
        return self._means.store.close(batch, self._means.now(), counted=batch.failed != OVER)

    def _outcomes(self, batch: Batch, lines: list[bytes]) -> list[Outcome]:
        """Ends that lines tell, the better one where two are of one request."""
        replies = list(batch_results(lines))
        known = self._means.store.find_all([reply.id for reply in replies if reply is not None])
        ends: dict[str, Outcome] = {}
        for reply in replies:
            found = known.get(reply.id) if reply is not None else None
            if reply is None or found is None or found.batch != batch.id:
                _LOG.warning("batch %s has a line that belongs to none of its requests", batch.id)
                continue
            end = outcome(reply, found, self._means.settings.most_tries)
            if end is None:
                continue
            before = ends.get(end.id)
            if before is None or (before.state != "done" and end.state == "done"):
                ends[end.id] = end
        return list(ends.values())

    async def _keep(self, ends: list[Outcome]) -> None:
        """Tell each end, then keep it: whoever is told twice knows it by its id."""
        await asyncio.to_thread(self._kept, ends)

    def _kept(self, ends: list[Outcome]) -> None:
        known = self._means.store.find_all([end.id for end in ends])
        for end in ends:
            found = known.get(end.id)
            if found is not None and found.ended is None:
                self._means.told(found, end)
        sealed = [(end, self._means.sealer.seal(end.id, end.body)) for end in ends]
        for at in range(0, len(sealed), GROUP):
            self._means.store.settle(sealed[at : at + GROUP], self._means.now())
