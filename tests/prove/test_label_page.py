"""The labelling page: on this machine alone, everything saved at once, nothing of a text run."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tierwise.errors import LabelError
from tierwise.prove import LabelPage, Row, load_rows, save_rows
from tierwise.prove._label_page import Sheet

SECRET = "a-word-of-the-address"
EVIL = "</pre><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


def made(number: int, *, overlap: bool = False, **more: Any) -> Row:
    texts = {"request": EVIL, "left": f"left {number} \ud800", "right": f"right {number}"}
    return Row(**{"id": f"\ud800 {number}", "probability": 1.0, "overlap": overlap} | texts | more)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    save_rows(path, [made(1, overlap=True), made(2), made(3)])
    return path


@pytest.fixture
def page(file: Path) -> Iterator[LabelPage]:
    found = LabelPage(file, "ann", SECRET)
    thread = threading.Thread(target=found.serve)
    thread.start()
    yield found
    found.close()
    thread.join()


def ask(
    page: LabelPage, method: str, name: str, body: Any = None, *, secret: str = SECRET, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    link = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    sent = None if body is None else json.dumps(body)
    named = {"Content-Type": "application/json"} | {
        key.replace("_", "-"): value for key, value in headers.items()
    }
    try:
        link.request(method, f"/{secret}/{name}", sent, named)
        reply = link.getresponse()
        raw = reply.read()
    finally:
        link.close()
    found = dict(reply.getheaders())
    value = json.loads(raw) if found["Content-Type"] == "application/json" else raw.decode()
    return reply.status, value, found


def test_answers_are_saved_at_once_undone_and_gone_on_with(page: LabelPage, file: Path) -> None:
    status, first, _ = ask(page, "GET", "state")
    assert (status, first["done"], first["total"], first["undo"]) == (200, 0, 3, False)
    assert first["row"]["left"] == "left 1 \ufffd"

    _, second, _ = ask(page, "POST", "answer", {"id": first["row"]["id"], "choice": "left"})
    assert (second["done"], second["row"]["right"]) == (1, "right 2")
    assert load_rows(file)[0].labels == (("ann", "left"),)

    _, again, _ = ask(page, "POST", "undo", {})
    assert (again["done"], again["row"], again["undo"]) == (0, first["row"], False)
    assert load_rows(file)[0].labels == ()

    for choice in ("tie", "right", "left"):
        _, state, _ = ask(page, "GET", "state")
        ask(page, "POST", "answer", {"id": state["row"]["id"], "choice": choice})
    assert ask(page, "GET", "state")[1]["row"] is None
    assert [row.by("ann") for row in load_rows(file)] == ["tie", "right", "left"]
    assert [row.left for row in load_rows(file)] == [f"left {n} \ud800" for n in (1, 2, 3)]


def test_a_second_rater_is_shown_the_overlap_and_what_is_left(page: LabelPage, file: Path) -> None:
    for _ in range(2):
        _, state, _ = ask(page, "GET", "state")
        ask(page, "POST", "answer", {"id": state["row"]["id"], "choice": "left"})

    bob = Sheet(file, "bob")

    assert (bob.state()["total"], bob.state()["row"]["left"]) == (2, "left 1 \ud800")
    bob.answer(bob.state()["row"]["id"], "right")
    assert load_rows(file)[0].labels == (("ann", "left"), ("bob", "right"))
    assert bob.state()["row"]["left"] == "left 3 \ud800"
    assert bob.done() == "1 of 2 labelled"


def test_two_who_answer_at_once_lose_nothing(file: Path) -> None:
    save_rows(file, [made(number, overlap=True) for number in range(12)])

    def work(rater: str) -> None:
        sheet = Sheet(file, rater)
        while (row := sheet.state()["row"]) is not None:
            sheet.answer(row["id"], "tie")

    threads = [threading.Thread(target=work, args=(rater,)) for rater in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {row.labels for row in load_rows(file)} == {(("ann", "tie"), ("bob", "tie"))}
    assert [found.name for found in file.parent.iterdir()] == [file.name]


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_the_page(page: LabelPage) -> None:
    status, text, headers = ask(page, "GET", "")

    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    for name in ("", "page.js", "page.css"):
        _, served, _ = ask(page, "GET", name)
        assert not re.search(r"https?:|//[a-z]|innerHTML|eval|url\(", served)
    assert not re.search(r"<script>|\son\w+=|style=", text)


REFUSED = [
    ({"secret": "guess"}, 404),
    ({"secret": ""}, 404),
    ({"Host": "evil.example"}, 403),
    ({"Host": "127.0.0.1:1"}, 403),
]


@pytest.mark.parametrize(("how", "wanted"), REFUSED)
def test_whoever_does_not_have_the_address_gets_nothing(
    page: LabelPage, how: dict[str, str], wanted: int
) -> None:
    for method, name in (("GET", "state"), ("GET", ""), ("POST", "undo")):
        status, said, _ = ask(page, method, name, {} if method == "POST" else None, **how)
        assert status == wanted
        assert "left 1" not in str(said)


WRONG: list[tuple[Any, dict[str, str]]] = [
    ({"id": "none", "choice": "left"}, {}),
    ({"choice": "left"}, {}),
    ({"id": 1, "choice": "left"}, {}),
    ([], {}),
    ({"id": "x", "choice": "best"}, {}),
    ({"id": "x" * 20_000, "choice": "left"}, {}),
    ({"id": "x", "choice": "left"}, {"Content_Type": "text/plain"}),
    ({"id": "x", "choice": "left"}, {"Content_Type": "application/x-www-form-urlencoded"}),
]


@pytest.mark.parametrize(("body", "headers"), WRONG)
def test_an_answer_that_is_none_changes_nothing_and_says_why(
    page: LabelPage, file: Path, body: Any, headers: dict[str, str]
) -> None:
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    before = file.read_bytes()

    status, said, _ = ask(page, "POST", "answer", body, **headers)

    assert status == 400
    assert said["error"]
    assert file.read_bytes() == before


def test_a_file_that_is_damaged_meanwhile_is_said_and_kept(page: LabelPage, file: Path) -> None:
    file.write_bytes(b"damaged")

    status, said, _ = ask(page, "GET", "state")

    assert status == 400
    assert "columns" in said["error"]
    assert file.read_bytes() == b"damaged"


def test_a_port_that_is_taken_and_a_file_that_is_none_are_refused(page: LabelPage, file: Path) -> None:
    with pytest.raises(LabelError, match="--port"):
        LabelPage(file, "ann", SECRET, page.port)
    with pytest.raises(LabelError, match="cannot be read"):
        LabelPage(file.with_name("none.csv"), "ann", SECRET)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
def test_a_browser_shows_the_texts_as_text(page: LabelPage, tmp_path: Path) -> None:
    run = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
         "--virtual-time-budget=3000", "--dump-dom", page.url],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    if "<html" not in run.stdout:
        pytest.skip("chromium does not start here")
    assert "<title>Which answer is better?</title>" in run.stdout
    assert "&lt;script&gt;" in run.stdout
    assert "right 1" in run.stdout
    assert "0 of 3" in run.stdout
