"""`tierwise doctor`: what it finds in order, what not, and that it changes and leaks nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from tierwise.ledger._store import open_engine
from tierwise.ledger._tables import migrate
from tierwise.simulator import Settings, Simulator

GOOD = 'version = 1\nladder = "gpt-5.4"\n[default]\nstage = "off"\n'
Found = dict[str, list[tuple[str, str]]]


def doctor(*words: str, folder: Path, **variables: str) -> tuple[int, Found, str]:
    hidden = ("OPENAI", "TIERWISE")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)} | variables
    done = subprocess.run(
        [sys.executable, "-m", "tierwise", "doctor", "--json", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    found: Found = {}
    for row in json.loads(done.stdout):
        found.setdefault(row["about"], []).append((row["state"], row["found"]))
    return done.returncode, found, done.stdout + done.stderr


def test_an_empty_folder_is_in_order_and_says_what_to_begin_with(tmp_path: Path) -> None:
    code, found, _ = doctor(folder=tmp_path)
    assert code == 0
    assert "policy init" in found["policy"][0][1]
    assert "tierwise serve" in found["ledger"][0][1]
    assert found["key"][0][0] == "note"
    assert list(tmp_path.iterdir()) == []


def test_every_problem_of_the_policy_is_a_line_and_the_exit_code_is_one(tmp_path: Path) -> None:
    (tmp_path / "tierwise.toml").write_text(GOOD.replace('"gpt-5.4"', '"nonsense"') + "odd = 1\n")
    code, found, _ = doctor(folder=tmp_path)
    assert code == 1
    assert len(found["policy"]) == 2
    assert all(state == "wrong" and "tierwise.toml:" in said for state, said in found["policy"])


def test_a_ledger_of_an_earlier_version_is_told_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "tierwise.toml").write_text(GOOD)
    file = tmp_path / "tierwise.db"
    engine = open_engine(str(file))
    migrate(engine, 2)
    with engine.begin() as connection:
        connection.execute(sa.text("insert into flags values ('routing', 'off')"))
    code, found, _ = doctor(folder=tmp_path)
    assert code == 0
    assert "version 2 of" in found["ledger"][0][1]
    assert "tierwise on" in found["ledger"][1][1]
    with engine.connect() as connection:
        assert connection.execute(sa.text("select max(number) from version")).scalar() == 2
    engine.dispose()


def test_a_ledger_that_is_named_and_missing_is_wrong_and_is_not_made(tmp_path: Path) -> None:
    code, found, _ = doctor("--ledger", "gone.db", folder=tmp_path)
    assert (code, found["ledger"][0][0]) == (1, "wrong")
    assert not (tmp_path / "gone.db").exists()


def test_prices_that_do_not_hold_are_one_line_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("[[price]]\nmodel = 1\n")
    (tmp_path / "tierwise.toml").write_text(GOOD)
    code, found, _ = doctor("--prices", "prices.toml", folder=tmp_path)
    assert (code, found["prices"][0][0]) == (1, "wrong")
    assert "ledger" in found


def test_upstream_tells_of_key_and_clock_and_no_key_is_printed(tmp_path: Path) -> None:
    with Simulator(Settings(seed=1)) as simulator:
        words = ("--online", "--upstream", simulator.base_url)
        code, found, said = doctor(*words, folder=tmp_path, OPENAI_API_KEY="sk-planted-canary")
        assert (code, found["upstream"][0][0]) == (0, "ok")
        assert found["clock"]
        assert "planted" not in said
        code, found, said = doctor(*words, folder=tmp_path, OPENAI_API_KEY="planted-canary")
        assert (code, found["upstream"][0][0]) == (1, "wrong")
        assert "planted" not in said


def test_an_upstream_that_is_not_there_and_a_key_with_a_line_break_are_wrong(tmp_path: Path) -> None:
    words = ("--online", "--upstream", "http://127.0.0.1:9/v1")
    code, found, said = doctor(*words, folder=tmp_path, OPENAI_API_KEY="sk-planted\n")
    assert (code, found["key"][0][0], found["upstream"][0][0]) == (1, "wrong", "wrong")
    assert "planted" not in said
