"""Files of what is right: answers by call id, or people's comparisons of drawn calls."""

from __future__ import annotations

import csv
import io
from hashlib import sha256
from pathlib import Path

from tierwise.errors import LabelError
from tierwise.prove._grading import People
from tierwise.prove._labels import COLUMNS, candidate_score, raters, rows_of, unguarded


def right_answers(path: Path) -> dict[str, str] | None:
    """Right answers by call id, of a CSV file with the columns `id` and `answer`; None for a file of comparisons.

    Raises:
        LabelError: It cannot be read, or has other columns, or an id twice.
    """
    text = _text(path)
    lines = list(csv.reader(io.StringIO(text, newline="")))
    header = lines[0] if lines else []
    if set(COLUMNS) <= set(header):
        return None
    if not {"id", "answer"} <= set(header):
        raise LabelError(
            f"{path}: line 1: expected the columns id and answer, or a file of `tierwise prove --draw-labels`; "
            f"found {', '.join(header)[:200] or 'nothing'}"
        )
    name, answer = header.index("id"), header.index("answer")
    found: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        if len(line) != len(header):
            raise LabelError(f"{path}: line {number}: expected {len(header)} cells, found {len(line)}")
        if line[name] in found:
            raise LabelError(f"{path}: line {number}: the id {line[name]!r:.40} comes twice")
        found[line[name]] = unguarded(line[answer])
    return found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: byte {error.start} is not UTF-8; save it as 'CSV UTF-8'") from None


def people_of(path: Path, seed: str) -> People:
    """What people said, of a file that `tierwise prove --draw-labels` wrote and `tierwise label` filled.

    Several raters of a row count as the mean of their scores.

    Args:
        path: The file.
        seed: That it was drawn with.

    Raises:
        LabelError: It cannot be read, rows have no label, or several probabilities.
    """
    rows = rows_of(path.read_bytes(), str(path))
    chances = {row.probability for row in rows}
    if len(chances) != 1:
        said = f"several probabilities ({', '.join(map(str, sorted(chances)))})" if chances else "no rows"
        raise LabelError(f"{path}: expected rows drawn with one probability, found {said}")
    if open_ := sum(not row.labels for row in rows):
        raise LabelError(
            f"{path}: {open_} of {len(rows)} rows have no label; label them all (`tierwise label {path}`): "
            "rows left out by choice are no random part"
        )
    names = raters(rows)
    scores: dict[str, float] = {}
    for row in rows:
        scored = [value for name in names if (value := candidate_score(row, name, seed)) is not None]
        scores[row.id] = sum(scored) / len(scored)
    return People(probability=chances.pop(), scores=scores)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    return sha256(path.read_bytes()).hexdigest()
