"""How fast an audit is, and how much memory it takes, beside its limit and a peer. All in one run.

    python benchmarks/audit.py [--calls 1000000] [--folder build/bench] [--peer PATH_TO/llm-route-audit]

The log is generated once (about 4.5 kB a call) and kept in the folder. Measured, by the clock on the wall:
- two plain processes that only decode the same lines with orjson: the limit;
- `tierwise audit` on 10,000, 100,000 and all calls, with the peak memory of all its processes;
- the peer `llm-route-audit analyze` on the first 100,000 and on all calls in its own format, where it is installed;
- `import tierwise` and `tierwise --help`, as whole processes, median of nine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run everything and print one table."""
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    log = generated(options.folder, options.calls)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {cpu()}")
    print(
        f"log: {options.calls:,} calls, {log.stat().st_size / 1e9:.2f} GB, {log.stat().st_size / options.calls:,.0f} bytes a call\n"
    )
    warm(log)
    decoding = decode_only(log)
    row("orjson, two processes, decode only", options.calls, decoding, "")
    sizes = sorted({10_000, 100_000, options.calls})
    seconds: dict[int, float] = {}
    for size in sizes:
        part = head(log, size) if size < options.calls else log
        seconds[size], peak = audit(part)
        row("tierwise audit", size, seconds[size], f"peak {peak / 1e6:,.0f} MB in all processes")
    whole = seconds[options.calls]
    print(f"\nagainst decoding alone: {whole / decoding:.1f} times its time (goal: at most 8)")
    small = sizes[0]
    slope = (whole - seconds[small]) / (options.calls - small) * 1e6 if options.calls > small else 0.0
    print(
        f"a further call costs {slope:.1f} microseconds; from {small:,} to {options.calls:,} calls: "
        f"{whole / seconds[small]:.1f} times the time for {options.calls / small:.0f} times the calls"
    )
    peer(options.peer, log, {size: seconds[size] for size in sizes if size >= 100_000})
    print(
        f"import tierwise: {median(['-c', 'import tierwise']):.0f} ms over {median(['-c', 'pass']):.0f} ms of bare Python (goal: under 150)"
    )
    print(f"tierwise --help: {median(['-m', 'tierwise', '--help']):.0f} ms (goal: under 200)")


def arguments() -> Any:
    """Options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--peer", default=shutil.which("llm-route-audit"))
    return parser.parse_args()


def cpu() -> str:
    """The processor's name, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")), ""
    )


def generated(folder: Path, calls: int) -> Path:
    """The log, written once."""
    log = folder / f"calls-{calls}.jsonl"
    if not log.exists():
        script = [sys.executable, str(ROOT / "sample" / "generate.py"), "--seed", "7", "--calls", str(calls)]
        subprocess.run([*script, "--prompt-bytes", "5200", "--out", str(log)], check=True)
    return log


def head(log: Path, calls: int) -> Path:
    """The first calls of a log, as a log of its own."""
    part = log.with_name(f"head-{calls}-of-{log.name}")
    if not part.exists():
        with log.open("rb") as source, part.open("wb") as target:
            for _ in range(calls):
                target.write(source.readline())
    return part


def warm(log: Path) -> None:
    """Read the log once, so that nobody pays for the disk."""
    with log.open("rb") as file:
        while file.read(64 * 1024 * 1024):
            pass


def decode_range(path: str, start: int, end: int) -> int:
    """Decode the lines of a byte range and do nothing with them."""
    import orjson

    loads, lines = orjson.loads, 0
    with open(path, "rb") as file:  # noqa: PTH123 - the plainest loop there is
        file.seek(start)
        for line in file:
            loads(line)
            lines += 1
            if file.tell() >= end:
                break
    return lines


def decode_only(log: Path) -> float:
    """Seconds for two processes that decode half of the lines each."""
    size = log.stat().st_size
    with log.open("rb") as file:
        file.seek(size // 2)
        file.readline()
        middle = file.tell()
    context = multiprocessing.get_context("spawn")
    halves = [(str(log), 0, middle), (str(log), middle, size)]
    with context.Pool(2) as pool:
        pool.starmap(decode_range, [(str(log), 0, 1)] * 2)
        start = time.perf_counter()
        pool.starmap(decode_range, halves, chunksize=1)
        return time.perf_counter() - start


def audit(log: Path) -> tuple[float, int]:
    """Seconds, and peak bytes of all processes together."""
    command = [
        sys.executable,
        "-m",
        "tierwise",
        "audit",
        str(log),
        "--quiet",
        "--json",
        str(log.with_suffix(".json")),
    ]
    return measured(command)


def measured(command: list[str]) -> tuple[float, int]:
    """Seconds of a command, and the peak of the memory that it and its children hold together."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    _, errors = process.communicate()
    seconds = time.perf_counter() - start
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {errors.decode()[-500:]}")
    return seconds, peak[0]


def watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Sum the proportional set size of a process tree every 50 ms: shared pages count once."""
    import psutil

    try:
        root = psutil.Process(process.pid)
    except psutil.Error:
        return
    while process.poll() is None:
        total = 0
        try:
            for one in [root, *root.children(recursive=True)]:
                total += one.memory_full_info().pss
        except (psutil.Error, AttributeError):
            pass
        peak[0] = max(peak[0], total)
        time.sleep(0.05)


def peer(program: str | None, log: Path, ours: dict[int, float]) -> None:
    """The peer's calls a second on the same calls in its own format, beside ours on as many."""
    if program is None:
        print("llm-route-audit is not installed: name it with --peer to compare with it")
        return
    for calls, seconds_of_ours in ours.items():
        part = log.with_name(f"peer-{calls}.jsonl")
        if not part.exists():
            convert(log, part, calls)
        seconds, peak = measured([program, "analyze", str(part), "--json"])
        size = part.stat().st_size / calls
        row(
            "llm-route-audit analyze",
            calls,
            seconds,
            f"peak {peak / 1e6:,.0f} MB, {size:,.0f} bytes a call in its format",
        )
        print(
            f"on {calls:,} calls: {seconds / seconds_of_ours:.1f} times its calls a second (goal: at least 2)"
        )


def convert(log: Path, target: Path, calls: int) -> None:
    """The same calls in the peer's log format: prompts, answer, tokens."""
    with log.open("rb") as source, target.open("w", encoding="utf-8") as out:
        for number, line in enumerate(source):
            if number >= calls:
                break
            out.write(json.dumps(converted(number, json.loads(line)), ensure_ascii=False) + "\n")


def converted(number: int, pair: dict[str, Any]) -> dict[str, Any]:
    """One call in the peer's format."""
    request, response = pair["request"], pair.get("response") or {}
    messages = request.get("messages") or request.get("input") or []
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    texts = [
        {
            "role": "system" if m.get("role") == "developer" else m["role"],
            "content": str(m.get("content") or ""),
        }
        for m in messages
        if isinstance(m, dict) and m.get("role") in {"system", "developer", "user", "assistant"}
    ]
    if request.get("instructions"):
        texts.insert(0, {"role": "system", "content": request["instructions"]})
    usage = response.get("usage") or {}
    choices = response.get("choices") or [{}]
    return {
        "id": str(number),
        "timestamp": pair["started_at"],
        "model": "claude-sonnet-4-5",
        "messages": texts or [{"role": "user", "content": "-"}],
        "response": str((choices[0].get("message") or {}).get("content") or "-"),
        "input_tokens": usage.get("prompt_tokens", usage.get("input_tokens", 0)),
        "output_tokens": usage.get("completion_tokens", usage.get("output_tokens", 0)),
        "latency_ms": pair.get("latency_ms", 1),
    }


def median(words: list[str]) -> float:
    """Milliseconds of a Python process, median of nine after one that warms the disk."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])


def row(what: str, calls: int, seconds: float, note: str) -> None:
    """One line of the table."""
    print(
        f"{what:36} {calls:>9,} calls {seconds:8.2f} s {calls / seconds:>10,.0f} calls/s {seconds / calls * 1e6:7.1f} us a call  {note}"
    )


if __name__ == "__main__":
    main()
