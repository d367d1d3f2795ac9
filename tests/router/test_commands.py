"""`tierwise train` and `tierwise evaluate` on files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tierwise.cli import main

RUNGS = ("--rung", "small", "--rung", "large")


def labels(path: Path, count: int, seed: int = 0) -> Path:
    """Labels with their own text: proofs defeat the small rung."""
    draw, rows = np.random.default_rng(seed), []
    for at in range(count):
        hard = at % 2 == 0
        text = f"{'prove the theorem' if hard else 'label the ticket'} number {at % 23}"
        for rung, chance, cost in (("small", 0.1 if hard else 0.95, 0.001), ("large", 0.95, 0.01)):
            score = float(draw.random() < chance)
            task = "reasoning" if hard else "labeling"
            row = {
                "request": f"r{at}",
                "rung": rung,
                "score": score,
                "cost": cost,
                "text": text,
                "task": task,
            }
            rows.append(json.dumps(row))
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_from_logs_and_labels_to_a_table_and_a_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "calls.jsonl"
    log.write_text("\n".join(_call(at) for at in range(250)) + "\n", "utf-8")
    rows = [
        {"request": f"c{at}", "rung": rung, "score": float(at % 2 or rung == "large")}
        for at in range(250)
        for rung in ("small", "large")
    ]
    taught = tmp_path / "labels.jsonl"
    taught.write_text(
        "\n".join(map(json.dumps, [*rows, {"request": "gone", "rung": "small", "score": 1}])), "utf-8"
    )
    scorer, found, plot = tmp_path / "a.scorer", tmp_path / "found.json", tmp_path / "a.svg"

    assert main(["train", str(log), "--from", str(taught), *RUNGS, "--output", str(scorer)]) == 0
    said = capsys.readouterr().out
    assert "small: 250 labelled calls" in said
    assert "1 labels left out" in said

    held = labels(tmp_path / "held.jsonl", 300, seed=5)
    assert (
        main(["evaluate", str(scorer), str(held), "--draws", "50", "--json", str(found), "--plot", str(plot)])
        == 0
    )
    said = capsys.readouterr().out
    assert "unproven" not in said
    table = json.loads(found.read_bytes())
    area = {row["name"]: row["apgr"] for row in table["rows"]}
    assert area["scorer"] > 0.65
    assert {
        "random",
        "prompt length",
        "oracle",
        "best per task",
        "always small",
        "shuffle of equal cost",
    } <= set(area)
    drawn = ET.fromstring(plot.read_text("utf-8"))
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}polyline")) == 5


def _call(at: int) -> str:
    text = f"{'label the ticket' if at % 2 else 'prove the theorem'} number {at % 23}"
    request = {"model": "gpt-5.4", "messages": [{"role": "user", "content": text}]}
    reply = {
        "id": f"c{at}",
        "object": "chat.completion",
        "model": "gpt-5.4",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "done"}}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }
    return json.dumps({"request": request, "response": reply})


def test_the_shipped_prior_is_evaluated_as_unproven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = labels(tmp_path / "held.jsonl", 60)
    place.write_text(
        place.read_text("utf-8").replace('"small"', '"weaker"').replace('"large"', '"stronger"'), "utf-8"
    )

    assert main(["evaluate", "prior", str(place), "--draws", "20"]) == 0
    assert "unproven" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "labels.jsonl:1"),
        ('{"request": "a", "rung": "small", "score": 3}', "score from 0 to 1"),
        ('{"request": "a", "rung": "small", "score": 1, "propensity": 0}', "propensity above 0"),
        ('{"request": "a", "rung": "small", "score": 1}', "none of 1 labels"),
        ("[" * 100_000, "labels.jsonl:1"),
    ],
)
def test_what_is_no_label_is_named_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    place = tmp_path / "labels.jsonl"
    place.write_text(line + "\n", "utf-8")

    assert main(["evaluate", "prior", str(place)]) == 1
    assert says in capsys.readouterr().err
