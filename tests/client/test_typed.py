"""A wrapped client has the type of the one given, so editors and type checkers go on knowing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

USE = """
import tierwise
from openai import AsyncOpenAI, OpenAI

client = tierwise.wrap(OpenAI())
many = tierwise.wrap(AsyncOpenAI(), observe=True)
reveal_type(client)
reveal_type(many)
reveal_type(client.responses.create(model="auto", input="x").output_text)
with tierwise.labels(session="s"):
    reveal_type(tierwise.recorder(client))
"""


def test_a_type_checker_sees_the_same_client(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "use.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed type" in line]
    assert told == [
        "openai.OpenAI" if "openai.OpenAI" in done.stdout else "openai._client.OpenAI",
        "openai.AsyncOpenAI" if "openai.AsyncOpenAI" in done.stdout else "openai._client.AsyncOpenAI",
        "str" if '"str"' in done.stdout else "builtins.str",
        "tierwise.online._values.Recorder",
    ], done.stdout
    assert done.returncode == 0, done.stdout
