"""Outcomes of a company's own calls: a file of labels joined to the calls whose text is in a log.

A label is a line of JSON: {"request": digest or call id, "rung": ..., "score": 0 to 1, "propensity": ...,
"cost": ...}. A label may bring its own "text" and "instructions", and then needs no log. Texts are
read, used and let go: an artefact holds hashes of them alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from tierwise.calls import Call
from tierwise.errors import CallerError
from tierwise.router._text import Text, text_of
from tierwise.router._train import Outcome
from tierwise.workloads import Facts, Recogniser

MOST_LINE = 16 << 20


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file of labels; other keys are passed over."""

    request: str
    rung: str
    score: float
    propensity: float = 1.0
    cost: float = 0.0
    text: str | None = None
    instructions: str = ""
    task: str = ""


class Joined(msgspec.Struct, frozen=True):
    """What could be trained on, and what could not."""

    outcomes: tuple[Outcome, ...]
    unmatched: int
    """Labels whose request's text is nowhere."""


def labels(place: Path) -> Iterator[Label]:
    """The labels of a file, or of all *.jsonl files of a folder in order of their names.

    Raises CallerError, which names the line, for what is no label.
    """
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    if not files and (sealed := _evidence(place)):
        raise CallerError(
            f"{place}: expected labels of single calls (*.jsonl), found evidence of whole workloads ({sealed}), which "
            "names no calls: label calls, or have scores said of them and name the ledger"
        )
    if not files or not files[0].is_file():
        raise CallerError(
            f"{place}: expected a file of labels or a folder of *.jsonl, found none: see docs/router.md"
        )
    decoder = msgspec.json.Decoder(Label)
    for file in files:
        with file.open("rb") as opened:
            for number, line in enumerate(iter(lambda: opened.readline(MOST_LINE), b""), 1):
                if line.strip():
                    yield _label(decoder, line, f"{file}:{number}")


def _evidence(folder: Path) -> str:
    """A file of evidence in a folder; '' where there is none."""
    for file in sorted(folder.glob("*.json")):
        try:
            found = msgspec.json.decode(file.read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(found, dict) and "verdict" in found:
            return file.name
    return ""


def _label(decoder: msgspec.json.Decoder[Label], line: bytes, place: str) -> Label:
    try:
        label = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallerError(f"{place}: {error}; expected a label as docs/router.md describes it") from None
    if not 0 <= label.score <= 1:
        raise CallerError(f"{place}: expected a score from 0 to 1, got {label.score}")
    if not 0 < label.propensity <= 1:
        raise CallerError(f"{place}: expected a propensity above 0 and up to 1, got {label.propensity}")
    return label


def texts_of(calls: Iterable[Call], recogniser: Recogniser) -> dict[str, Text]:
    """The texts of the calls that have any, by request digest (16 hex digits) and by the call's id."""
    found: dict[str, Text] = {}
    for call in calls:
        if call.request is None:
            continue
        facts: Facts = recogniser.recognise(call.request)
        text = text_of(call.request, facts)
        if text.newest or text.instructions:
            for name in filter(None, (f"{facts.request:016x}" if facts.request else "", call.id)):
                found[name] = text
    return found


def join(found: Iterable[Label], texts: Mapping[str, Text]) -> Joined:
    """Each label with the text of its request."""
    outcomes, unmatched = [], 0
    for label in found:
        told = (f"task: {label.task}",) if label.task else ()
        text = texts.get(label.request) if label.text is None else Text(label.text, label.instructions, told)
        if text is None:
            unmatched += 1
            continue
        outcomes.append(
            Outcome(
                request=label.request,
                text=text,
                rung=label.rung,
                score=label.score,
                propensity=label.propensity,
                cost=label.cost,
            )
        )
    return Joined(tuple(outcomes), unmatched)
