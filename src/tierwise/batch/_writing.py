"""From the ends of a job's requests to its output and error file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tierwise.batch._jobs import DEADLINE, Job, end_of, item_of
from tierwise.batch._lines import BadLine, JobLine, error_line, result_line
from tierwise.batch._pieces import Writer
from tierwise.batch._types import Found

CANCELLED: Final = "This request was cancelled."
EXPIRED: Final = "This request could not be executed before its deadline."


class Writing:
    """The files of a job while they are written; each is begun with its first line.

    Args:
        job: The job.
        begin: Begins its 'output' or its 'error' file.
    """

    def __init__(self, job: Job, begin: Callable[[str], Writer]) -> None:
        self._job, self._begin = job, begin
        self._files: dict[str, Writer] = {}
        self._done = self._failed = 0
        self._expired = False

    def add(self, lines: Sequence[JobLine | BadLine], ends: Mapping[str, tuple[Found, bytes | None]]) -> None:
        """Lines of the input file, with the ends of their requests by id and the bodies of their answers."""
        for line in lines:
            identity = item_of(self._job.id, line.number)
            name = f"batch_req_{identity.removeprefix('batch_')}"
            if isinstance(line, BadLine):
                said = line.problem
                self._fail(error_line(name, line.custom_id, said.code, said.message, line.number))
            elif identity not in ends:
                self._fail(error_line(name, line.custom_id, "batch_cancelled", CANCELLED))
            else:
                self._end(name, line.custom_id, *ends[identity])

    def _end(self, name: str, custom_id: str, found: Found, body: bytes | None) -> None:
        if found.error == DEADLINE:
            self._expired = True
            self._fail(error_line(name, custom_id, "batch_expired", EXPIRED))
        elif found.status is not None and body is not None:
            line = result_line(name, custom_id, found.status, body, found.item.call)
            if found.status < 400:
                self._done += 1
                self._file("output").write(line)
            else:
                self._fail(line)
        elif found.state == "cancelled":
            self._fail(error_line(name, custom_id, "batch_cancelled", CANCELLED))
        else:
            self._fail(error_line(name, custom_id, found.error, _message(body)))

    def _fail(self, line: bytes) -> None:
        self._failed += 1
        self._file("error").write(line)

    def _file(self, kind: str) -> Writer:
        found = self._files.get(kind)
        if found is None:
            found = self._files[kind] = self._begin(kind)
        return found

    def ended(self, now: int) -> Job:
        """The job at its end, with its files."""
        made = {kind: writer.close().id for kind, writer in self._files.items()}
        return msgspec.structs.replace(
            self._job,
            state=end_of(self._job, expired=self._expired),
            ended=now,
            completed=self._done,
            failed=self._failed,
            output=made.get("output"),
            errors=made.get("error"),
        )


class _Said(msgspec.Struct):
    message: str | None = None


class _Error(msgspec.Struct):
    error: _Said = msgspec.field(default_factory=_Said)


def _message(body: bytes | None) -> str | None:
    try:
        return msgspec.json.decode(body or b"{}", type=_Error).error.message
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
