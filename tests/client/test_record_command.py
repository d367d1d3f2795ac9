"""`tierwise record -- COMMAND`: an unedited program, its calls taken down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tierwise.calls import plan, read

PROGRAM = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-test")
print(client.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "hi"}]).model)
copy = client.with_options(timeout=30)
copy.responses.create(model="gpt-5.4", input="hi")
import asyncio
async def main():
    async with openai.AsyncOpenAI(base_url=sys.argv[1], api_key="sk-test") as many:
        await asyncio.gather(*(many.responses.create(model="gpt-5.4-mini", input=str(n)) for n in range(5)))
asyncio.run(main())
client.close()
"""


def run(arguments: list[str], folder: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tierwise", "record", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **more,
    )


def records(path: Path) -> list[Any]:
    return [record for unit in plan([path]).units for record in read(unit)]


def test_an_unedited_program_is_recorded_and_runs_as_before(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    found = run(["--project", "demo", "--", sys.executable, "app.py", bench.simulator.base_url], tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("gpt-5.5-")
    assert "recorded 7 calls" in found.stderr
    calls = records(tmp_path / "tierwise-calls.jsonl")
    assert sorted(call.model_asked for call in calls) == ["gpt-5.4"] + ["gpt-5.4-mini"] * 5 + ["gpt-5.5"]
    assert {call.project for call in calls} == {"demo"}
    assert (tmp_path / "tierwise-calls.jsonl.key").exists()


def test_the_programs_exit_code_and_streams_are_its_own(tmp_path: Path) -> None:
    program = "import sys; print(sys.stdin.read()); sys.stderr.write('err'); sys.exit(7)"
    found = run(["--", sys.executable, "-c", program], tmp_path, input="in")
    assert found.returncode == 7
    assert found.stdout == "in\n"
    assert found.stderr.endswith(")?\n")
    assert "no call was recorded" in found.stderr


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = run(["--", "no-such-command"], tmp_path)
    assert found.returncode == 1
    assert "no-such-command" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_sitecustomize_of_the_installation_still_runs(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("print('own sitecustomize')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    found = run(["--", sys.executable, "-c", "pass"], tmp_path, env=environment)
    # Once for the program, and once for tierwise itself.
    assert found.stdout == "own sitecustomize\n" * 2


def test_child_processes_of_the_program_are_recorded_too(bench: Any, tmp_path: Path) -> None:
    program = """
import multiprocessing, sys, openai
def work(url):
    with openai.OpenAI(base_url=url, api_key="sk-test") as client:
        client.responses.create(model="gpt-5.4-nano", input="hi")
if __name__ == "__main__":
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            pool.map(work, [sys.argv[1]] * 4)
"""
    (tmp_path / "many.py").write_text(program)
    found = run(["--out", "calls.jsonl", "--", sys.executable, "many.py", bench.simulator.base_url], tmp_path)
    assert found.returncode == 0, found.stderr
    calls = records(tmp_path / "calls.jsonl")
    assert [type(call).__name__ for call in calls] == ["Call"] * 8
