"""The files of deploy/ are read, not built: what they name is there, and no secret is."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from tierwise.cli._main import build

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
TEXTS = {path.name: path.read_text("utf-8") for path in DEPLOY.iterdir()} | {
    "deploy.md": (ROOT / "docs" / "deploy.md").read_text("utf-8")
}


VARIABLE = re.compile(r"\b(?:OPENAI|TIERWISE|OTEL)_[A-Z_]+\b")


def options(command: str) -> set[str]:
    """Every option of a command."""
    found: Any = typer.main.get_command(build())
    for word in command.split():
        found = found.commands[word]
    return {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}


def unit() -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(TEXTS["tierwise.service"])
    return read


def test_the_unit_starts_a_command_with_options_that_there_are() -> None:
    service = unit()["Service"]
    program, command, *rest = shlex.split(service["ExecStart"])
    assert program == "/opt/tierwise/bin/tierwise"
    assert {word for word in rest if word.startswith("--")} <= options(command)
    assert service["StateDirectory"] == "tierwise", "what is written survives"
    assert "/var/lib/tierwise/" in rest[rest.index("--spool") + 1]
    assert float(service["TimeoutStopSec"]) > float(rest[rest.index("--drain") + 1])


def test_the_image_starts_a_command_with_options_that_there_are_and_copies_what_there_is() -> None:
    text = TEXTS["Dockerfile"]
    found = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert found is not None
    command, *rest = json.loads(found[1])
    assert {word for word in rest if word.startswith("--")} <= options(command)
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    extras = re.search(r"'\.\[(.+)\]'", text)
    assert extras is not None
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for extra in extras[1].split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra
    assert "EXPOSE 8100" in text
    assert re.search(r"^USER tierwise$", text, re.MULTILINE), "not as root"
    assert rest[rest.index("--spool") + 1].startswith("/var/lib/tierwise/"), "on the volume"


def test_the_composed_gateways_have_spools_of_their_own_and_one_ledger() -> None:
    yaml = pytest.importorskip("yaml", reason="no YAML reader is installed")
    composed = yaml.safe_load(TEXTS["compose.yaml"])
    one, two = composed["services"]["one"], composed["services"]["two"]
    assert one["environment"] == two["environment"]
    assert one["environment"]["TIERWISE_LEDGER"].startswith("postgresql+psycopg://")
    spools = [volume for service in (one, two) for volume in service["volumes"] if "spool" in volume]
    names = {spool.partition(":")[0] for spool in spools}
    assert len(names) == 2
    assert names <= set(composed["volumes"])
    assert all(
        port.endswith(":8100") and port.startswith("127.0.0.1:") for port in one["ports"] + two["ports"]
    )


def test_ports_are_those_that_serve_listens_on() -> None:
    found: Any = typer.main.get_command(build())
    (port,) = [each.default for each in found.commands["serve"].params if each.name == "port"]
    text = TEXTS["Dockerfile"]
    assert re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE) == [str(port)]
    assert re.findall(r"127\.0\.0\.1:(\d+)/readyz", text) == [str(port)]
    assert "--port" not in text + TEXTS["tierwise.service"], "the usual one is listened on"
    published = re.findall(r"127\.0\.0\.1:(\d+):(\d+)", TEXTS["compose.yaml"])
    assert {inside for _, inside in published} == {str(port)}
    outside = {outside for outside, _ in published}
    assert len(outside) == 2
    assert all(f"{each}" in TEXTS["deploy.md"] for each in outside)


def environment_read() -> set[str]:
    """Variables that the command line or the source looks at."""
    named = {
        match for path in (ROOT / "src").rglob("*.py") for match in VARIABLE.findall(path.read_text("utf-8"))
    }
    return named | {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_variables_that_are_set_are_ones_that_something_reads(name: str) -> None:
    """POSTGRES_* are the database image's own."""
    given = set(re.findall(r"\b(?:OPENAI|TIERWISE|POSTGRES)_[A-Z_]+\b", TEXTS[name]))
    assert given <= environment_read()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_secret_stands_in_a_file(name: str) -> None:
    assert not re.search(r"sk-[A-Za-z0-9]{6,}|tw-[A-Za-z0-9]{6,}", TEXTS[name])
    for value in re.findall(r"PASSWORD[:=] ?([^?\s]\S*)", TEXTS[name]):
        assert value.startswith(("${", "...")), value


def test_commands_of_the_page_have_the_options_that_it_names() -> None:
    known = options("serve") | options("keys create") | options("reconcile") | options("ledger export")
    for line in TEXTS["deploy.md"].splitlines():
        found = re.search(r"tierwise (serve|keys create|reconcile)\b(.*)", line)
        if found is not None:
            assert set(re.findall(r"(?<= )--[a-z-]+", found[2])) <= known, line


def test_the_ledger_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tierwise.cli import main

    monkeypatch.setenv("TIERWISE_LEDGER", str(tmp_path / "named.db"))
    assert main(["keys", "create", "app"]) == 0
    assert (tmp_path / "named.db").exists()
