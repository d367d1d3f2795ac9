"""`tierwise label` prints an address, saves what is answered there, and ends in good order."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from tierwise.prove import Pair, draw, load_rows, save_rows


def test_a_label_given_in_the_page_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    pairs = [Pair(id=f"c{n}", request="q", candidate=f"a {n}", baseline=f"b {n}") for n in range(2)]
    save_rows(path, draw(pairs, "seed", 1.0))
    command = [sys.executable, "-m", "tierwise", "label", str(path), "--rater", "ann"]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        assert run.stdout is not None
        said = run.stdout.readline()
        url = re.findall(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", said)[0]
        with urlopen(url + "state", timeout=10) as reply:
            row = json.loads(reply.read())["row"]
        body = json.dumps({"id": row["id"], "choice": "tie"}).encode()
        with urlopen(
            Request(url + "answer", body, {"Content-Type": "application/json"}), timeout=10
        ) as reply:
            assert json.loads(reply.read())["done"] == 1
        run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=10)
    finally:
        run.kill()
        run.wait()

    assert "1 of 2 labelled" in rest
    assert [row.by("ann") for row in load_rows(path)] == ["tie", None]


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tierwise", "label", str(tmp_path / "none.csv"), "--rater", "ann"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "none.csv: cannot be read" in run.stderr
