"""What batches withstand and carry: `python benchmarks/batch.py --kills 100`, `--queue 100000`, `--requests 5000`.

--kills: a process that works off files of requests is ended with kill -9 at random points, again and
again, on one ledger, which each next one takes over, under a simulator that also fails: requests lost
before and after they were carried out, server errors, batches that expire, fail in part, come twice, are
over the enqueued limit. Exit 1 unless each request was answered exactly once or failed with its reason,
was billed at most once, no batch was created twice, and the ledger adds up to the simulator's bill.

--queue: so many requests in the queue: how many a second go in, and how much memory that takes, bodies
alone and through the pipeline.

--requests: two files of so many mixed requests through the official SDK and a gateway that is killed once.

--command: `tierwise batch run` on a file of so many requests, killed twice and begun again.

--upload: a file of so many megabytes into the gateway: its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from tierwise.batch import (
    ALL,
    BatchSettings,
    Sealer,
    Waiting,
    carry_in,
    carry_out,
    digest_of,
    new_job,
    read_lines,
)
from tierwise.catalog import Catalog
from tierwise.gateway import WorkOptions, work_of
from tierwise.ledger import Files, Jobs, Keys, Ledger, Queue, Scope
from tierwise.simulator import Fault, Limits, Settings, Simulator
from tierwise.workloads import make_key

MODELS = ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.5")
FAULTS = (
    Fault(kind="lost", rate=0.04, path="/v1/batches"),
    Fault(kind="reset", rate=0.04, path="/v1/batches"),
    Fault(kind="server_error", rate=0.05, path="/v1/batches"),
    Fault(kind="server_error", rate=0.05, path="/v1/files"),
    Fault(kind="lost", rate=0.05, path="/v1/files"),
    Fault(kind="cut", rate=0.05, path="/content"),
    Fault(kind="batch_expired", rate=0.2, share=0.4),
    Fault(kind="batch_line_error", rate=0.3, share=0.2),
    Fault(kind="batch_duplicate", rate=0.3, share=0.3),
    Fault(kind="batch_token_limit", rate=0.1),
)
QUICK = BatchSettings(collect=0.3, first_look=0.2, most_look=0.5, lease=1.5, most_items=60, an_hour=100_000)


def main() -> int:
    """Choose."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=0)
    options.add_argument(
        "--lines", type=int, default=200, help="requests in a file that is worked off under kills"
    )
    options.add_argument("--seconds", type=float, default=2.0, help="mean time that a process lives")
    options.add_argument("--queue", type=int, default=0)
    options.add_argument("--requests", type=int, default=0)
    options.add_argument("--command", type=int, default=0)
    options.add_argument("--upload", type=int, default=0, help="megabytes")
    options.add_argument("--nest", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.nest:
        _nest(Path(given.nest[0]), given.nest[1])
        return 0
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    held = True
    if given.kills:
        held = kills(given.kills, given.lines, given.seconds)
    if given.requests:
        held = through_a_gateway(given.requests) and held
    if given.command:
        held = by_command(given.command) and held
    if given.upload:
        upload(given.upload)
    if given.queue:
        queue(given.queue)
    return 0 if held else 1


def lines(count: int, start: int = 0) -> bytes:
    """Requests of three models by two endpoints, and a bad line in a hundred."""
    found = []
    for number in range(start, start + count):
        model = MODELS[number % 3]
        if number % 100 == 99:
            found.append(b"{not JSON")
            continue
        if number % 2:
            body: dict[str, Any] = {
                "model": model,
                "input": f"Classify ticket {number}.",
                "max_output_tokens": 30,
            }
            path = "/v1/responses"
        else:
            said = [{"role": "user", "content": f"Translate line {number}."}]
            body = {"model": model, "messages": said, "max_completion_tokens": 30}
            path = "/v1/chat/completions"
        line = {"custom_id": f"c{number}", "method": "POST", "url": path, "body": body}
        found.append(msgspec.json.encode(line))
    return b"\n".join(found) + b"\n"


# ------------------------------------------------------------ kills


def _nest(folder: Path, upstream: str) -> None:
    """A process for each line that comes: what takes long to load is loaded once. Prints its id once it works."""
    import dbos  # noqa: F401 - loaded before

    Catalog.open()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        if os.fork() == 0:
            asyncio.run(_work(folder, upstream))


async def _work(folder: Path, upstream: str) -> None:
    """Work until killed."""
    options = WorkOptions(
        ledger=str(folder / "l.db"),
        upstream=upstream,
        upstream_key="sk-upstream",
        spool=folder / "spool",
        settings=QUICK,
    )
    print(os.getpid(), flush=True)
    with work_of(options) as work:
        async with work.under_way():
            await asyncio.Event().wait()


def kills(count: int, size: int, seconds: float, report: bool = True) -> bool:
    """Kill until it was done so often, hand in further files meanwhile, let the rest end, compare."""
    with (
        tempfile.TemporaryDirectory() as name,
        Simulator(
            Settings(seed=1, batch_seconds=1.5, limits=Limits(batches=10**6)), faults=FAULTS
        ) as simulator,
    ):
        folder, chance = Path(name), random.Random(7)
        key = make_key(folder / "l.db.key")
        ledger = Ledger(str(folder / "l.db"))
        nest = Nest(folder, simulator.base_url)
        names: list[str] = []
        for number in range(1, count + 1):
            if not names or all(_ended(ledger, name) for name in names):
                names.append(_hand_in(folder, ledger, key, size, len(names) * size))
            pid = nest.hatch()
            time.sleep(seconds * chance.uniform(0.1, 1.9))
            os.kill(pid, signal.SIGKILL)
            if report:
                ended = sum(_ended(ledger, name) for name in names)
                print(f"kill {number:>3}: {ended} of {len(names)} files are answered", flush=True)
        _to_the_end(nest, ledger, names)
        nest.close()
        ledger.fold_orphans(folder / "spool")
        held = _compare(folder, ledger, Sealer(key), simulator, names, size, count)
        ledger.close()
        return held


def _hand_in(folder: Path, ledger: Ledger, key: bytes, size: int, start: int) -> str:
    path = folder / f"r{start}.jsonl"
    path.write_bytes(lines(size, start))
    digest, now = digest_of(path), int(time.time() * 1e6)
    job = new_job(digest, folder / f"a{start}.jsonl", wait=86_400, now=now)
    carry_in(path, digest, Files(ledger), Sealer(key), now, now + 10**12)
    Jobs(ledger).add(job)
    return job.id


def _ended(ledger: Ledger, name: str) -> bool:
    job = Jobs(ledger).find(name)
    return job is not None and job.ended is not None


class Nest:
    """Where processes come from.

    Args:
        folder: Where everything is.
        upstream: The simulator's address.
    """

    def __init__(self, folder: Path, upstream: str) -> None:
        self._log = (folder / "log").open("ab")
        self._nest = subprocess.Popen(
            [sys.executable, __file__, "--nest", str(folder), upstream],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def hatch(self) -> int:
        """A process that begins to work; its id."""
        assert self._nest.stdin is not None
        assert self._nest.stdout is not None
        self._nest.stdin.write("go\n")
        self._nest.stdin.flush()
        return int(self._nest.stdout.readline())

    def close(self) -> None:
        """No more of them."""
        self._nest.kill()
        self._nest.communicate()
        self._log.close()


def _to_the_end(nest: Nest, ledger: Ledger, names: list[str], most: float = 240.0) -> None:
    pid, end = nest.hatch(), time.monotonic() + most
    while not all(_ended(ledger, name) for name in names) and time.monotonic() < end:
        time.sleep(0.2)
    # It has still to write down what the last answers cost.
    time.sleep(1.5)
    os.kill(pid, signal.SIGKILL)


def _compare(
    folder: Path,
    ledger: Ledger,
    sealer: Sealer,
    simulator: Simulator,
    names: list[str],
    size: int,
    count: int,
) -> bool:
    told: collections.Counter[str] = collections.Counter()
    answered = failed = without = 0
    ids: set[str] = set()
    for name in names:
        job = Jobs(ledger).find(name)
        assert job is not None
        for file in (job.output, job.errors):
            carry_out(file, folder / "out", Files(ledger), sealer)
            for raw in read_lines(iter([(folder / "out").read_bytes()])):
                line = msgspec.json.decode(raw)
                told[f"{name} {line['id']}"] += 1
                if line["response"] is not None and line["response"]["status_code"] < 400:
                    answered += 1
                    ids.add(line["response"]["body"]["id"])
                else:
                    failed += 1
                    said = line["error"] or line["response"]["body"].get("error", {})
                    without += not said.get("message")
    billed = collections.Counter(line.custom_id for line in simulator.bill)
    twice = sum(number > 1 for number in billed.values())
    marks = collections.Counter(
        (batch["metadata"] or {}).get("tierwise_batch") for batch in _batches(simulator.base_url)
    )
    again = sum(number > 1 for number in marks.values())
    lost = len({line.response_id for line in simulator.bill} - ids)
    (total,) = ledger.totals()
    unknown = sum(one.calls for one in ledger.totals("status") if one.name == "unknown")
    print(
        f"{'kills':>6}{'files':>7}{'requests':>10}{'answered':>10}{'failed':>8}{'unreasoned':>12}{'told twice':>12}"
    )
    doubled = sum(number > 1 for number in told.values())
    print(
        f"{count:>6}{len(names):>7}{len(names) * size:>10}{answered:>10}{failed:>8}{without:>12}{doubled:>12}"
    )
    print(
        f"billed twice {twice}, batches {len(marks)}, created twice {again}, billed and not delivered {lost}"
    )
    print(f"billed {simulator.bill_total}, in the ledger {total.cost}, of unknown end {unknown}")
    whole = answered + failed == len(told) == len(names) * size and not doubled and not without
    return (
        whole
        and twice == again == lost == unknown == 0
        and total.cost == simulator.bill_total
        and answered > 0
    )


def _batches(url: str) -> list[dict[str, Any]]:
    import urllib.request

    found: list[dict[str, Any]] = []
    after = ""
    while True:
        asked = urllib.request.Request(
            f"{url}/batches?limit=100{after}", headers={"authorization": "Bearer sk-x"}
        )
        try:
            with urllib.request.urlopen(asked) as reply:
                page = msgspec.json.decode(reply.read())
        except OSError:
            continue
        found += page["data"]
        if not page["has_more"]:
            return found
        after = f"&after={page['data'][-1]['id']}"


# ------------------------------------------------------------ through a gateway

SOME = (
    Fault(kind="batch_expired", at=(2, 5), share=0.4),
    Fault(kind="batch_line_error", at=(1, 4), share=0.1),
    Fault(kind="batch_duplicate", rate=0.5, share=0.3),
    Fault(kind="batch_token_limit", at=(3,)),
    Fault(kind="lost", at=(2,), path="/v1/batches"),
)
RULES = """
version = 1
name = "files"
ladder = "gpt-5.4"
[defer]
collect = "1s"
[default]
stage = "on"
lanes = ["batch"]
deadline = "24h"
"""


def through_a_gateway(count: int, killed: int = 1) -> bool:
    """A file of chat calls and one of responses, each of three models, by the official SDK; whether all came back once."""
    import openai

    tokens = Limits(enqueued_tokens=max(20_000, count * 8))
    simulated = Settings(seed=1, batch_seconds=3, limits=tokens)
    with tempfile.TemporaryDirectory() as name, Simulator(simulated, faults=SOME) as simulator:
        folder = Path(name)
        (folder / "tierwise.toml").write_text(RULES)
        make_key(folder / "batch.key")
        ledger = Ledger(str(folder / "l.db"))
        key, began = Keys(ledger).make("app", Scope()), time.perf_counter()
        child, url = _served(folder, simulator.base_url)
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
            made = [_batch(client, count // 2, path) for path in ("/v1/responses", "/v1/chat/completions")]
        for _ in range(killed):
            time.sleep(4)
            child.kill()
            child.communicate()
            child, url = _served(folder, simulator.base_url)
        with openai.OpenAI(base_url=url, api_key=key) as client:
            found = [_polled(client, identity) for identity in made]
            whole = [_whole(client, batch, count // 2) for batch in found]
        spent = time.perf_counter() - began
        child.send_signal(signal.SIGTERM)
        child.communicate()
        ledger.fold_orphans(folder / "spool")
        (total,) = ledger.totals()
        ledger.close()
        billed = collections.Counter(line.custom_id for line in simulator.bill)
        twice = sum(number > 1 for number in billed.values())
        print(f"{count:,} requests in 2 files through a gateway killed {killed} times: {spent:.0f} s")
        print(
            f"answered whole {whole}, {[batch.request_counts.completed for batch in found]}, billed twice {twice}"
        )
        print(f"billed {simulator.bill_total}, in the ledger {total.cost}")
        return all(whole) and not twice and len(billed) == count and total.cost == simulator.bill_total


def _served(folder: Path, upstream: str) -> tuple[subprocess.Popen[bytes], str]:
    command = [
        *(sys.executable, "-m", "tierwise", "serve", "--policy", str(folder / "tierwise.toml")),
        *("--ledger", str(folder / "l.db"), "--spool", str(folder / "spool"), "--upstream", upstream),
        *("--batch-key", str(folder / "batch.key"), "--port", "0"),
    ]
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(
            command,
            env={**os.environ, "OPENAI_API_KEY": "sk-upstream"},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert child.stdout is not None
    said = child.stdout.readline().decode()
    if "serving http" not in said:
        raise SystemExit(said + (folder / "log").read_text()[-3_000:])
    return child, said.split()[1].rstrip(",")


def _batch(client: Any, count: int, path: str) -> str:
    lines = []
    for number in range(count):
        said = f"Classify ticket {number} as billing, technical or other."
        body: dict[str, Any] = {"model": MODELS[number % 3], "input": said, "max_output_tokens": 20}
        if path.endswith("completions"):
            body = {"model": MODELS[number % 3], "messages": [{"role": "user", "content": said}]}
            body["max_completion_tokens"] = 20
        line = {"custom_id": f"{path} {number}", "method": "POST", "url": path, "body": body}
        lines.append(msgspec.json.encode(line))
    file = client.files.create(file=("in.jsonl", b"\n".join(lines)), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint=path, completion_window="24h")
    return str(made.id)


def _polled(client: Any, identity: str, most: float = 500.0) -> Any:
    end = time.monotonic() + most
    while (batch := client.batches.retrieve(identity)).completed_at is None:
        if time.monotonic() > end:
            raise SystemExit(f"the batch is not over: {batch}")
        time.sleep(0.5)
    return batch


def _whole(client: Any, batch: Any, count: int) -> bool:
    """Whether every request has its own answer, in the order of the file."""
    raw = client.files.content(batch.output_file_id).content
    found = [msgspec.json.decode(line) for line in raw.splitlines()]
    ids = {line["response"]["body"]["id"] for line in found}
    return [line["custom_id"] for line in found] == [
        f"{batch.endpoint} {number}" for number in range(count)
    ] and len(ids) == count


def by_command(count: int, killed: int = 2) -> bool:
    """The command, killed and begun again: whether every request was answered once or failed with its reason."""
    simulated = Settings(seed=1, batch_seconds=3, limits=Limits(enqueued_tokens=max(20_000, count * 8)))
    with tempfile.TemporaryDirectory() as name, Simulator(simulated, faults=SOME) as simulator:
        folder, began = Path(name), time.perf_counter()
        (folder / "tierwise.toml").write_text(RULES)
        (folder / "in.jsonl").write_bytes(lines(count))
        command = [sys.executable, "-m", "tierwise", "batch", "run", "in.jsonl", "-o", "out.jsonl"]
        command += ["--upstream", simulator.base_url]
        left: list[float | None] = [12.0] * killed + [None]
        for seconds in left:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "OPENAI_API_KEY": "sk-x"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            with suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
            child.kill()
            child.wait()
        spent = time.perf_counter() - began
        ledger = Ledger(str(folder / "tierwise.db"))
        ledger.fold_orphans(folder / "tierwise-spool")
        (total,) = ledger.totals()
        ledger.close()
        told = [
            msgspec.json.decode(line)["custom_id"]
            for file in ("out.jsonl", "out.errors.jsonl")
            for line in (folder / file).read_bytes().splitlines()
        ]
        known = [one for one in told if one is not None]
        print(f"{count:,} requests by the command, killed {killed} times: {spent:.0f} s")
        print(f"told {len(told)}, twice {len(known) - len(set(known))}; {len(simulator.bill)} billed")
        print(f"billed {simulator.bill_total}, in the ledger {total.cost}")
        return len(told) == count and len(known) == len(set(known)) and total.cost == simulator.bill_total


def upload(megabytes: int) -> None:
    """What a large file takes of the gateway's memory: to come, to be looked through, to be given out."""
    import openai
    import psutil

    with tempfile.TemporaryDirectory() as name, Simulator(Settings(seed=1, batch_seconds=10**6)) as simulator:
        folder = Path(name)
        (folder / "tierwise.toml").write_text(RULES)
        make_key(folder / "batch.key")
        ledger = Ledger(str(folder / "l.db"))
        key = Keys(ledger).make("app", Scope())
        body = {"model": MODELS[0], "input": "A word of many. " * 250}
        with (folder / "in.jsonl").open("wb") as out:
            while out.tell() < megabytes * 1_000_000 - 5_000:
                line = {"custom_id": f"c{out.tell()}", "method": "POST", "url": "/v1/responses", "body": body}
                out.write(msgspec.json.encode(line) + b"\n")
        child, url = _served(folder, simulator.base_url)
        seen, peaks = psutil.Process(child.pid), [0]

        def watch() -> None:
            with suppress(psutil.Error):
                while True:
                    peaks.append(max(peaks[-1], seen.memory_info().rss >> 20))
                    time.sleep(0.05)

        threading.Thread(target=watch, daemon=True).start()
        time.sleep(1)
        told = [peaks[-1]]
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=600) as client:
            with (folder / "in.jsonl").open("rb") as file:
                made = client.files.create(file=file, purpose="batch")
            told.append(peaks[-1])
            batch = client.batches.create(
                input_file_id=made.id, endpoint="/v1/responses", completion_window="24h"
            )
            while client.batches.retrieve(batch.id).in_progress_at is None:
                time.sleep(0.5)
            time.sleep(10)
            told.append(peaks[-1])
            size = sum(len(piece) for piece in client.files.content(made.id).iter_bytes())
            told.append(peaks[-1])
        child.kill()
        child.communicate()
        ledger.close()
        print(
            f"a file of {size:,} bytes: the gateway has {told[0]} MB before, at most {told[1]} MB while it comes,"
        )
        print(f"{told[2]} MB while its first lines are decided, {told[3]} MB while it is given out")


# ------------------------------------------------------------ queue


def queue(count: int) -> None:
    """How fast requests go in, and what that takes."""
    with tempfile.TemporaryDirectory() as name:
        _bare(Path(name), count)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_decided(Path(name), count))


def _bare(folder: Path, count: int) -> None:
    ledger, sealer = Ledger(str(folder / "l.db")), Sealer(b"k" * 32)
    store, now = Queue(ledger), int(time.time() * 1e6)
    body = b'{"model":"gpt-5.4-nano","input":"' + b"word " * 100 + b'"}'
    began = time.perf_counter()
    for start in range(0, count, 100):
        group = []
        for number in range(start, min(start + 100, count)):
            item = Waiting(
                id=f"i{number}",
                call=f"c{number}",
                path="/v1/responses",
                model="gpt-5.4-nano",
                tokens=110,
                size=600,
                made=now,
                due=now + 86_400_000_000,
            )
            group.append((item, sealer.seal(item.id, body), b"{}"))
        store.add(group)
    spent = time.perf_counter() - began
    ledger.close()
    print(
        f"{count:,} requests sealed and kept: {count / spent:,.0f} a second, {_peak()} MB of memory at most"
    )


async def _decided(folder: Path, count: int) -> None:
    """A file of so many lines, each recognised, decided, written down, sealed and kept."""
    path = folder / "r.jsonl"
    path.write_bytes(lines(count))
    options = WorkOptions(
        ledger=str(folder / "l.db"),
        upstream="http://127.0.0.1:9/v1",
        upstream_key="sk-x",
        spool=folder / "spool",
        settings=BatchSettings(collect=86_000.0),
        policy=_policy(folder),
    )
    with work_of(options) as work:
        digest, now = digest_of(path), work.now()
        job = new_job(digest, folder / "a.jsonl", wait=200_000, now=now)
        carry_in(path, digest, work.files, work.sealer, now, now + 10**12)
        work.jobs.add(job)
        began = time.perf_counter()
        async with work.under_way():
            while (found := work.jobs.find(job.id)) is None or found.taken != ALL:  # noqa: ASYNC110 - another thread takes them
                await asyncio.sleep(0.2)
        spent = time.perf_counter() - began
        print(
            f"{count:,} lines decided and kept: {count / spent:,.0f} a second, {_peak()} MB of memory at most"
        )


def _policy(folder: Path) -> Path:
    path = folder / "tierwise.toml"
    path.write_text(
        'version = 1\nladder = "gpt-5.4"\n[default]\nstage = "on"\nlanes = ["batch"]\ndeadline = "24h"\n'
    )
    return path


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
