"""The part of `tierwise prove` that sends: answers kept, evidence written, ended in good order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from tierwise.errors import CallerError, MissingExtra

if TYPE_CHECKING:
    from tierwise.cli._prove_plan import Planner, Ready
    from tierwise.prove import Answers, Told

KEY = "OPENAI_API_KEY"


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are asked, and where what came of it is kept."""

    most: Decimal
    out: Path
    days: int
    upstream: str
    concurrency: int
    drawing: bool
    """Whether people are to label answers."""


def spend(ready: list[Ready], planner: Planner, how: Spending) -> list[Told]:
    """Ask, grade and write evidence."""
    from tierwise.prove import opened

    token = os.environ.get(KEY, "")
    if not token:
        raise CallerError(
            f"expected a key in {KEY}, found none; it must be of the project that the calls came from"
        )
    hypotheses = [one.case.hypothesis for one in ready if one.case is not None]
    before = opened(how.out / "hypotheses.jsonl", hypotheses, planner.day)
    answers, close = _answers(how.out, planner.key, how.days)
    try:
        return asyncio.run(_run(ready, planner, how, answers, before, token))
    finally:
        close()


def _answers(out: Path, key: bytes, days: int) -> tuple[Answers, Callable[[], None]]:
    from tierwise.cli._answers import AnswersFile
    from tierwise.prove import InMemory

    if not days:
        return InMemory(), lambda: None
    try:
        from tierwise.batch import Sealer

        sealer = Sealer(key)
    except (MissingExtra, ModuleNotFoundError):
        typer.echo(
            "answers are not kept, since they cannot be sealed: a run that breaks off pays again. "
            "To keep them: pip install 'tierwise[batch]'",
            err=True,
        )
        return InMemory(), lambda: None
    file = AnswersFile(out / "answers.sqlite", sealer, days)
    return file, file.close


async def _run(
    ready: list[Ready], planner: Planner, how: Spending, answers: Answers, before: dict[str, int], token: str
) -> list[Told]:
    from tierwise import __version__
    from tierwise.cli._prove_text import Shown
    from tierwise.policy import evidence_bytes
    from tierwise.prove import Means, Work, file_name
    from tierwise.prove import prove as proving
    from tierwise.upstream import Upstream

    works = [
        Work(
            label=one.planned.label,
            population=one.planned.population,
            case=one.case,
            before=before[one.case.hypothesis.digest],
            least=one.people if how.drawing else 0,
        )
        for one in ready
        if one.case is not None
    ]
    found: list[Told] = []
    with Shown() as shown:
        async with Upstream(how.upstream, token) as sends:
            means = Means(
                send=sends,
                answers=answers,
                prices=planner.catalog,
                day=planner.day,
                recogniser=planner.recogniser,
                key=planner.key,
                version=__version__,
                concurrency=how.concurrency,
                end=_end(),
                progress=shown.progress,
            )
            async for told in proving(works, how.most, means):
                found.append(told)
                if told.evidence is not None:
                    (how.out / file_name(told.evidence)).write_bytes(evidence_bytes(told.evidence))
    return found


def _end() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM; a second one ends at once."""
    from tierwise.cli._signals import asked_to_end

    ended = asked_to_end()
    task = asyncio.create_task(_once(ended))
    ended.task = task  # type: ignore[attr-defined] # kept from being collected
    return ended


async def _once(ended: asyncio.Event) -> None:
    import signal

    await ended.wait()
    typer.echo("stopping: waiting for calls on their way; Ctrl-C again leaves them", err=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)
