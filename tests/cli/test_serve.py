"""`tierwise serve`, `keys`, `spend`, `ledger`, `off`: as a person would type them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import openai
import pytest

from tierwise.simulator import Settings, Simulator


def run(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tierwise", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**{k: v for k, v in os.environ.items() if k != "OPENAI_API_KEY"}, **env},
    )


def test_from_a_key_to_the_audit_of_what_was_served(tmp_path: Path) -> None:
    (tmp_path / "tierwise.toml").write_text('version = 1\nladder = "gpt-5.4"\n[default]\nstage = "off"\n')
    made = run("keys", "create", "app", "--project", "support", "--month", "500", folder=tmp_path)
    key = made.stdout.strip()
    assert re.fullmatch(r"tw-[0-9a-f]{12}-[\w-]{43}", key)
    with Simulator(Settings(seed=1)) as simulator:
        child = subprocess.Popen(
            [sys.executable, "-m", "tierwise", "serve", "--upstream", simulator.base_url, "--port", "0"],
            cwd=tmp_path,
            env={**os.environ, "OPENAI_API_KEY": "sk-x"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        said = child.stdout.readline()
        assert "by policy tierwise.toml" in said
        with openai.OpenAI(base_url=said.split()[1].rstrip(","), api_key=key, max_retries=0) as client:
            for number in range(3):
                assert client.responses.create(model="gpt-5.4-nano", input=f"Say {number}").output_text
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=30)
        assert child.returncode == 0, told
        billed = simulator.bill_total
    spent = run("spend", "--by", "key", folder=tmp_path).stdout
    assert f"${billed:f}" in spent
    assert "app" in spent
    exported = run("ledger", "export", "-o", "calls.jsonl", folder=tmp_path)
    assert "wrote 3 calls" in exported.stderr
    assert "3 calls" in run("audit", "calls.jsonl", folder=tmp_path).stdout.replace("\n", " ")
    assert "support" in run("keys", "list", folder=tmp_path).stdout
    assert run("off", folder=tmp_path).stdout == "routing is off\n"
    assert run("keys", "end", "app", folder=tmp_path).returncode == 0
    assert key not in (tmp_path / "tierwise.db").read_bytes().decode("latin-1")


WRONG: list[tuple[list[str], dict[str, Any], str]] = [
    (["serve"], {}, "OPENAI_API_KEY"),
    (["serve", "--own-keys"], {}, "tierwise.toml"),
    (["serve", "--own-keys", "--observe", "--policy", "p.toml"], {}, "both"),
    (["serve", "--own-keys", "--observe", "--host", "0.0.0.0"], {}, "keys create"),
    (["serve", "--own-keys", "--observe", "--upstream", "ftp://x"], {}, "no http(s) address"),
    (["serve", "--own-keys", "--observe", "--ledger", "nonsense://x"], {}, "SQLite"),
    (["serve", "--own-keys", "--observe", "--log", "xml"], {}, "expected --log text or json, got xml"),
    (["serve", "--own-keys", "--observe", "--log-level", "loud"], {}, "debug, info, warning, error"),
    (["serve", "--own-keys", "--observe", "--alerts", "http://example.com/x"], {}, "alerts address of https"),
    (["serve", "--own-keys", "--observe", "--batch-key-env", "SEAL"], {}, "expected a key in SEAL"),
    (["serve", "--own-keys", "--observe", "--batch-key", "k"], {}, "the key cannot be read"),
    (["spend"], {}, "expected a ledger at tierwise.db"),
    (["spend", "--by", "colour", "--ledger", "l.db"], {"ledger": True}, "expected --by one of"),
    (["spend", "--since", "yesterday", "--ledger", "l.db"], {"ledger": True}, "2026-11-25"),
    (["keys", "create", "x", "--month", "-5"], {}, "dollars"),
    (["keys", "end", "nobody", "--ledger", "l.db"], {"ledger": True}, "no key"),
    (["off"], {}, "expected a ledger"),
]


@pytest.mark.parametrize(("arguments", "how", "said"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_what_cannot_be_done_says_what_to_do(
    tmp_path: Path, arguments: list[str], how: dict[str, Any], said: str
) -> None:
    if how.get("ledger"):
        assert run("keys", "create", "one", "--ledger", "l.db", folder=tmp_path).returncode == 0
    found = run(*arguments, folder=tmp_path)
    assert found.returncode == 1
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_tracing_without_its_packages_says_which_extra_it_takes(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    found = run("serve", "--own-keys", "--observe", "--otel", folder=tmp_path, PYTHONPATH=path)
    assert found.returncode == 1
    assert "pip install 'tierwise[otel]'" in found.stderr
    assert "Traceback" not in found.stderr


class Collector:
    """Takes what exporters and alerts post, on loopback."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got.append((self.path, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


def test_serve_sends_spans_and_alerts_where_it_is_told(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra 'otel' is not installed")
    key = run("keys", "create", "app", "--day", "0.0000001", folder=tmp_path).stdout.strip()
    with Simulator(Settings(seed=1)) as simulator, Collector() as collector:
        options = (
            "--upstream",
            simulator.base_url,
            "--port",
            "0",
            "--otel",
            "--alerts",
            f"{collector.url}/hook",
        )
        child = subprocess.Popen(
            [sys.executable, "-m", "tierwise", "serve", "--observe", *options],
            cwd=tmp_path,
            env={
                **os.environ,
                "OPENAI_API_KEY": "sk-x",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "TIERWISE_ALERT_SECRET": "s",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        url = child.stdout.readline().split()[1].rstrip(",")
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
            client.responses.create(model="gpt-5.4-nano", input="a secret question")
        end = time.monotonic() + 20
        while not any(path == "/hook" for path, _ in collector.got) and time.monotonic() < end:
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=30)
        assert child.returncode == 0, told
    posted = dict(collector.got)
    assert b"gen_ai.operation.name" in posted["/v1/traces"]
    assert json.loads(posted["/hook"])["kind"] == "budget"
    assert b"secret" not in b"".join(posted.values())


@pytest.mark.parametrize("form", ["json", "text"])
def test_serve_logs_a_line_a_call_where_it_is_told_to(tmp_path: Path, form: str) -> None:
    key = run("keys", "create", "app", folder=tmp_path).stdout.strip()
    with Simulator(Settings(seed=1)) as simulator:
        options = ("--upstream", simulator.base_url, "--port", "0", "--log", form, "--log-calls")
        child = subprocess.Popen(
            [sys.executable, "-m", "tierwise", "serve", "--observe", *options],
            cwd=tmp_path,
            env={**os.environ, "OPENAI_API_KEY": "sk-x"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        url = child.stdout.readline().split()[1].rstrip(",")
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
            client.responses.create(model="gpt-5.4-nano", input="a secret\nquestion")
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=30)
    (line,) = [line for line in told.splitlines() if "gpt-5.4-nano" in line]
    if form == "json":
        said = json.loads(line)
        assert (said["event"], said["key"], said["status"], said["http_status"]) == ("call", "app", "ok", 200)
    else:
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z info    call decision=tw_\w+ key=app ", line)
    assert "secret" not in told
    assert key not in told


def test_an_empty_ledger_says_so(tmp_path: Path) -> None:
    run("keys", "create", "one", folder=tmp_path)
    assert run("spend", folder=tmp_path).stdout == "no calls in the ledger for these days\n"
