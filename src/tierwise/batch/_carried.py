"""Files from outside into sealed pieces, and out again: one that is read twice is the same file."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b, sha256
from pathlib import Path

import msgspec

from tierwise.batch._jobs import FILE_PREFIX, PREFIX, Job, Stored
from tierwise.batch._lines import JobLine, Reader
from tierwise.batch._pieces import PIECE, Writer, read_lines, read_pieces
from tierwise.batch._protocols import Files
from tierwise.batch._seal import Sealer
from tierwise.errors import CallerError


def digest_of(path: Path) -> str:
    """SHA-256 of what stands in a file, in hex. Raises OSError."""
    found = sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def carry_in(path: Path, digest: str, files: Files, sealer: Sealer, now: int, until: int) -> Stored:
    """A file from outside as one of ours; the one that is there already where it has the same content.

    Args:
        path: The file.
        digest: SHA-256 of its content.
        files: Where it is kept.
        sealer: Seals it.
        now: Microseconds since the epoch.
        until: When it goes.

    Raises:
        OSError: It cannot be read.
    """
    identity = f"{FILE_PREFIX}{digest[:24]}"
    there = files.find(identity)
    if there is not None:
        return there
    made = Stored(id=identity, name=path.name, purpose="batch", made=now, until=until)
    writer = Writer(files, sealer, made)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            writer.write(piece)
    return writer.close()


def carry_out(file: str | None, path: Path, files: Files, sealer: Sealer) -> None:
    """Write a file of ours to outside, whole or not at all; an empty one for None.

    Raises:
        OSError: It cannot be written.
        SealBroken: It was sealed with another key.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as out:
            for piece in read_pieces(files, sealer, file) if file is not None else ():
                out.write(piece)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def new_job(digest: str, output: Path, *, wait: int, now: int) -> Job:
    """A job of a file from outside: the same for the same content and output, so that it can be gone on with.

    Args:
        digest: SHA-256 of the requests.
        output: Where answers are to be written.
        wait: Seconds in which they are wanted.
        now: Microseconds since the epoch.
    """
    name = sha256(f"{digest}\0{output}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return Job(
        id=f"{PREFIX}{name}",
        endpoint=None,
        input=f"{FILE_PREFIX}{digest[:24]}",
        made=now,
        due=now + wait * 1_000_000,
        name=str(output).encode("utf-8", "replace").decode(),
        labels={"x-tierwise-deadline": str(wait)},
    )


class _Named(msgspec.Struct):
    custom_id: str


def unanswered(job: Job, path: Path, files: Files, sealer: Sealer) -> int:
    """Write the requests of a job that have no answer to a file; how many.

    Raises:
        OSError: It cannot be written.
        CallerError: The job's input is not kept any more.
    """
    if files.find(job.input) is None:
        raise CallerError(f"the requests of {job.id} are not kept any more; run their file again")
    answered: set[bytes] = set()
    for line in _lines(job.output, files, sealer) if job.output is not None else ():
        answered.add(_mark(msgspec.json.decode(line, type=_Named).custom_id))
    reader, count = Reader(job.endpoint), 0
    with path.open("wb") as out:
        for number, raw in enumerate(_lines(job.input, files, sealer), 1):
            found = reader.line(number, raw) if raw.strip() else None
            if isinstance(found, JobLine) and _mark(found.custom_id) not in answered:
                out.write(raw + b"\n")
                count += 1
    return count


def _lines(file: str, files: Files, sealer: Sealer) -> Iterator[bytes]:
    return read_lines(read_pieces(files, sealer, file))


def _mark(custom_id: str) -> bytes:
    return blake2b(custom_id.encode(), digest_size=16).digest()
