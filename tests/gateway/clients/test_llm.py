"""simonw/llm on the command line, with a model of extra-openai-models.yaml and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llm", reason="llm is not installed: it is in the dependency group 'clients'")

MODELS = """
- model_id: through
  model_name: gpt-5.5
  api_base: {base_url}
  api_key_name: gateway
  supports_tools: true
  supports_schema: true
"""
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
WEATHER = (
    'def get_weather(city: str) -> str:\n    "The weather of a city."\n    return "12 degrees in " + city\n'
)


@pytest.fixture
def llm(bench: Any, tmp_path: Path) -> Callable[..., str]:
    """Run the command line; what it printed."""
    folder = tmp_path / "llm"
    folder.mkdir()
    (folder / "extra-openai-models.yaml").write_text(MODELS.format(base_url=bench.base_url), "utf-8")
    (folder / "keys.json").write_text(json.dumps({"gateway": bench.key()}), "utf-8")
    env = {**os.environ, "LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": ""}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "llm", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def logged(llm: Callable[..., str]) -> list[dict[str, Any]]:
    """What llm wrote down of its calls, oldest first."""
    found: list[dict[str, Any]] = json.loads(llm("logs", "--json", "-n", "0"))
    return found


@pytest.mark.parametrize("how", [(), ("--no-stream",)], ids=["streaming", "whole"])
def test_a_prompt_is_routed_and_llm_logs_the_tokens_that_were_billed(
    bench: Any, llm: Callable[..., str], written: Callable[..., Any], how: tuple[str, ...]
) -> None:
    printed = llm("prompt", "-m", "through", "-s", CLASSIFY, "I was charged twice.", *how)

    assert json.loads(bench.simulator.received[0].body).get("stream", False) is not bool(how)
    (row,) = written(1)
    assert row["rule"] == "small work"
    assert row["served"].startswith("gpt-5.4-nano")
    (line,) = logged(llm)
    assert line["response"] == printed.removesuffix("\n") != ""
    assert (line["input_tokens"], line["output_tokens"]) == (row["input"], row["output"])


def test_a_conversation_is_continued_with_what_was_said(
    bench: Any, llm: Callable[..., str], written: Callable[..., Any]
) -> None:
    first = llm("prompt", "-m", "through", "-s", CLASSIFY, "I was charged twice.").strip()
    llm("prompt", "-c", "And once more.")

    said = [message["content"] for message in json.loads(bench.simulator.received[1].body)["messages"]]
    assert said == [CLASSIFY, "I was charged twice.", first, "And once more."]
    assert len({row["served"] for row in written(2)}) == 1


def test_a_schema_and_a_tool_work_from_the_command_line(
    bench: Any, llm: Callable[..., str], written: Callable[..., Any]
) -> None:
    found = json.loads(llm("prompt", "-m", "through", "--schema", "kind, urgent bool", "A ticket"))
    llm("prompt", "-m", "through", "--functions", WEATHER, "Use get_weather for Paris")

    assert set(found) == {"kind", "urgent"}
    bodies = [json.loads(sent.body) for sent in bench.simulator.received]
    assert bodies[0]["response_format"]["type"] == "json_schema"
    assert bodies[2]["messages"][-1]["content"] == "12 degrees in Paris"
    assert len(written(3)) == 3
