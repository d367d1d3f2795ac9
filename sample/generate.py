"""Write the sample log: `python sample/generate.py --seed 7 --calls 20000 --out sample/calls.jsonl.gz`.

The same seed and count give the same log. With `--prompt-bytes` it writes a large log for the
benchmark instead: the same workloads, lines of about that many bytes on average.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from acme import bulk, clock, meter, mix, wire
from acme.plan import Planned


def log(seed: int, count: int, mean: int | None = None) -> list[Planned]:
    """`count` metered calls in the order of the log: by day, service and step, then by time.

    So a log looks that was put together from one file a service and day. With `mean` the calls
    are prepared for a large log of lines of that many bytes.
    """
    calls = mix.planned(seed, count)
    if mean:
        calls = bulk.prepared(calls, mean)
    meter.measure(calls, seed)
    calls += mix.twice(seed, calls, count - len(calls))
    return sorted(calls, key=lambda call: (clock.stamp(call.at)[:10], call.project, call.name, call.at))


def truth(calls: Iterable[Planned]) -> Iterator[str]:
    """JSON lines that say of each call, once, where it comes from: id, workload, task, depth."""
    for name, call in {wire.record_id(call): call for call in calls}.items():
        yield (
            json.dumps({"id": name, "workload": call.workload, "task": call.task, "depth": call.depth}) + "\n"
        )


def write(lines: Iterable[bytes], out: Path) -> int:
    """Write lines, compressed where the name ends in .gz, and return their number."""
    number = 0
    with out.open("wb") as raw:
        sink = gzip.GzipFile("", "wb", 9, raw, mtime=0) if out.suffix == ".gz" else raw
        for number, line in enumerate(lines, 1):  # noqa: B007 - the last number is the count
            sink.write(line + b"\n")
        if sink is not raw:
            sink.close()
    return number


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, write the log, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20_000, help="lines to write")
    parser.add_argument("--out", type=Path, required=True, help="file to write; .gz is compressed")
    parser.add_argument("--truth", type=Path, help="file for the workload, task and depth of each call")
    parser.add_argument("--prompt-bytes", type=int, help="write a large log with lines of this mean size")
    asked = parser.parse_args(arguments)
    if asked.prompt_bytes:
        if asked.truth:
            parser.error("--truth is for the sample log, without --prompt-bytes")
        base = log(asked.seed, bulk.base(asked.calls), asked.prompt_bytes)
        print(f"{bulk.write(base, asked.out, asked.calls)} lines in {asked.out}")
        return 0
    calls = log(asked.seed, asked.calls)
    if asked.truth:
        asked.truth.write_text("".join(truth(calls)), "utf-8")
    print(f"{write((wire.line(call) for call in calls), asked.out)} lines in {asked.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
