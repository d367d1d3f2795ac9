"""`tierwise batch run` and `retry`: a file of requests in, a file of answers out, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.cli._ledger import DEFAULT, Url
from tierwise.cli._serve import BATCH_KEY, key_for_batches
from tierwise.errors import CallerError, MissingExtra

if TYPE_CHECKING:
    from tierwise.batch import Job, Progress
    from tierwise.gateway import Work, WorkOptions

KEY: str = "OPENAI_API_KEY"
POLICY: str = "tierwise.toml"
LOOK: float = 0.5
"""Seconds between looks at how far it is."""
NOT_ALL: int = 3
"""Exit code where requests have no answer."""
STOPPED: int = 130
KEPT: int = 30 * 86_400 * 1_000_000
"""Microseconds that requests are kept after their deadline, for `retry`."""

Out = Annotated[Path, typer.Option("--output", "-o", help="Where answers are written.", metavar="FILE")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="The policy; ./tierwise.toml if there is one, else as asked.", metavar="FILE"
    ),
]
Deadline = Annotated[str, typer.Option(help="By when answers are wanted: 90m, 24h, 3d.", metavar="TIME")]
Upstream = Annotated[str, typer.Option(help="Where calls go.", metavar="URL")]
BatchKey = Annotated[
    Path | None,
    typer.Option(
        "--batch-key",
        help="File with the key that bodies are sealed with; TIERWISE_BATCH_KEY otherwise, else LEDGER.key, made at first use.",
        metavar="FILE",
    ),
]
Spool = Annotated[Path, typer.Option(help="Folder that calls are written down in first.", metavar="FOLDER")]
OPENAI: str = "https://api.openai.com/v1"
SPOOL: Path = Path("tierwise-spool")


def run(
    requests: Annotated[Path, typer.Argument(help="Requests, one a line.", metavar="REQUESTS")],
    output: Out,
    policy: PolicyFile = None,
    deadline: Deadline = "24h",
    ledger: Url = DEFAULT,
    upstream: Upstream = OPENAI,
    spool: Spool = SPOOL,
    batch_key: BatchKey = None,
) -> None:
    r"""Answer a file of requests by OpenAI's Batch, at half the price, each on the rung that the policy says.

    Lines are as OpenAI's Batch takes them, of any models and endpoints, or bare bodies with a custom_id.
    Answers are written as OpenAI writes them, in the order of the requests; what could not be answered
    goes to FILE.errors.jsonl with its reason (exit code 3). OpenAI's key is read from OPENAI_API_KEY.

    The same command again goes on where it was stopped: nothing is sent twice.

    \b
    Examples:
      tierwise batch run requests.jsonl -o answers.jsonl
      tierwise batch run requests.jsonl -o answers.jsonl --policy tierwise.toml --deadline 12h
    """
    _can_write(output)
    if not requests.is_file():
        raise CallerError(f"expected a file of requests, found none at {requests}")
    with _working(policy, ledger, upstream, spool, batch_key) as begin:
        raise typer.Exit(begin(_Task(requests, output, _seconds(deadline))))


def retry(
    name: Annotated[
        str, typer.Argument(help="The batch, as `tierwise batch list` shows it.", metavar="BATCH")
    ],
    output: Out,
    policy: PolicyFile = None,
    deadline: Deadline = "24h",
    ledger: Url = DEFAULT,
    upstream: Upstream = OPENAI,
    spool: Spool = SPOOL,
    batch_key: BatchKey = None,
) -> None:
    r"""Answer those requests of a batch that have no answer, as a batch of their own.

    Lines that are no requests are left out: they would be refused again.

    \b
    Example:
      tierwise batch retry batch_tw3f2a -o more.jsonl
    """
    _can_write(output)
    with _working(policy, ledger, upstream, spool, batch_key) as begin:
        raise typer.Exit(begin(_Task(name, output, _seconds(deadline))))


class _Task:
    """What is to be answered: a file of requests, or what is left of a batch.

    Args:
        source: The file, or the id of the batch.
        output: Where answers are written.
        wait: Seconds in which they are wanted.
    """

    def __init__(self, source: Path | str, output: Path, wait: int) -> None:
        self._source, self.output, self._wait = source, output.absolute(), wait
        self.errors = self.output.with_name(f"{self.output.stem}.errors.jsonl")

    def job(self, work: Work) -> Job:
        """The job: a new one, or the one that is there already for the same requests and output."""
        from tierwise.batch import carry_in, digest_of, new_job

        path = self._source if isinstance(self._source, Path) else self._left(work, self._source)
        digest = digest_of(path)
        job = new_job(digest, self.output, wait=self._wait, now=work.now())
        there = work.jobs.find(job.id)
        if there is None:
            if self.output.exists():
                raise CallerError(f"{self.output} is there already, of other requests; name another output")
            carry_in(path, digest, work.files, work.sealer, job.made, job.due + KEPT)
            work.jobs.add(job)
        return there or job

    def _left(self, work: Work, name: str) -> Path:
        """The requests of a batch that have no answer, in a file beside the output."""
        from tierwise.batch import JOB_ENDED, unanswered

        job = work.jobs.find(name)
        if job is None:
            raise CallerError(f"no batch has the id {name!r:.60}; see: tierwise batch list")
        if job.state not in JOB_ENDED:
            raise CallerError(f"{job.id} is {job.state}; wait for its end, or cancel it first")
        path = self.output.with_name(f"{self.output.stem}.requests.jsonl")
        count = unanswered(job, path, work.files, work.sealer)
        if not count:
            raise CallerError(f"{job.id} has no requests to answer again")
        typer.echo(f"tierwise: {count:,} requests of {job.id} have no answer", err=True)
        return path


@contextmanager
def _working(
    policy: Path | None, ledger: str, upstream: str, spool: Path, seal: Path | None
) -> Iterator[Callable[[_Task], int]]:
    """What a task is done with, once all is there. Raises CallerError, ConfigurationError, MissingExtra."""
    key = os.environ.get(KEY) or None
    if key is None:
        raise CallerError(f"expected OpenAI's key in {KEY}, found none; set it")
    try:
        from tierwise.gateway import WorkOptions
    except ModuleNotFoundError as error:
        raise MissingExtra(f"batches need {error.name}: pip install 'tierwise[batch,gateway]'") from None
    if policy is None and Path(POLICY).is_file():
        policy = Path(POLICY)
    options = WorkOptions(
        policy=policy,
        ledger=ledger,
        upstream=upstream,
        upstream_key=key,
        spool=spool,
        key=key_for_batches(seal, BATCH_KEY),
    )
    import asyncio

    yield lambda task: asyncio.run(_carry_out(options, task))


async def _carry_out(options: WorkOptions, task: _Task) -> int:
    """Do a task to its end; its exit code."""
    import asyncio

    from tierwise.batch import carry_out
    from tierwise.gateway import work_of

    with work_of(options) as work:
        job = await asyncio.to_thread(task.job, work)
        _say(f"{job.id}: {task.output.name}, by {work.how}")
        if job.ended is None:
            job = await _followed(work, job)
        if job.ended is None:
            _say("stopped; the same command again goes on, and nothing is sent twice")
            return STOPPED
        await asyncio.to_thread(carry_out, job.output, task.output, work.files, work.sealer)
        if job.errors is not None:
            await asyncio.to_thread(carry_out, job.errors, task.errors, work.files, work.sealer)
    return _told(job, task)


async def _followed(work: Work, job: Job) -> Job:
    """Work until the job is over, or somebody asks to end."""
    import asyncio

    from tierwise.cli._signals import asked_to_end

    ended = asked_to_end()
    async with work.under_way():
        with _shown() as show:
            while job.ended is None and not ended.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), LOOK)
                job, seen = await asyncio.to_thread(work.look, job.id)
                show(job, seen)
        if job.ended is None:
            _say("stopping: what is being sent by itself may come back, for 30 seconds at most")
    return job


def _told(job: Job, task: _Task) -> int:
    """Say how it ended."""
    for problem in job.problems if job.state == "failed" else ():
        _say(f"line {problem.line or '-'}: {problem.message}")
    _say(f"{job.state}: answered {job.completed:,} of {job.total:,} in {task.output}")
    if job.failed and job.errors is not None:
        _say(
            f"{job.failed:,} have no answer: {task.errors}; again: tierwise batch retry {job.id} -o MORE.jsonl"
        )
    return NOT_ALL if job.failed or job.state != "completed" else 0


@contextmanager
def _shown() -> Iterator[Callable[[Job, Progress], None]]:
    """A bar on a terminal; nothing where standard error is a file or a pipe."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _nothing
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(job: Job, seen: Progress) -> None:
            words = "cancelling" if job.cancel is not None else job.state.replace("_", " ")
            bar.update(task, description=words, completed=seen.done + seen.failed, total=job.total or None)

        yield show


def _nothing(job: Job, seen: Progress) -> None:
    """Shown to nobody."""


def _seconds(text: str) -> int:
    from tierwise.online import seconds

    found = seconds(text)
    if found is None:
        raise CallerError(f"expected --deadline ahead, such as 90m, 24h or 3d; got {text!r:.40}")
    return found


def _can_write(path: Path) -> None:
    """Refuse an output that cannot be written before anything is paid for."""
    if path.is_dir():
        raise CallerError(f"expected a file to write to, got the folder {path}; name a file in it")
    if not path.absolute().parent.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise CallerError(f"cannot write to {path}: no such folder, or no permission; name another place")


def _say(text: str) -> None:
    typer.echo(f"tierwise: {text}", err=True)


# The parser keeps the lines of a paragraph that a backspace stands before.
for _command in (run, retry):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")
