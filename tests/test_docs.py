"""README and docs: every Python example runs, every link leads somewhere, every page is in the site's list."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tierwise.simulator import Settings, Simulator

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SCORER = ROOT / "src" / "tierwise" / "router" / "data" / "prior.scorer"
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
POLICY = """version = 1
ladder = "gpt-5.4"
baseline = { model = "gpt-5.5" }
[default]
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "reader"
"""
NAMES = """thread_id = run_id = "r-1"
key = "k"
def read_my_secret(): return "sk-test"
from tierwise.calls import Message, Request
request = Request(endpoint="chat", model="gpt-5.5", messages=(Message(role="user", content="Say hello"),))
"""
"""What the examples take from the application that they stand in."""


@pytest.mark.parametrize("page", [p for p in PAGES if EXAMPLE.search(p.read_text())], ids=lambda p: p.name)
def test_the_examples_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    (tmp_path / "tierwise.toml").write_text(POLICY)
    (tmp_path / "mixed.toml").write_text(POLICY + 'scorer = "own"\n')
    (tmp_path / "router.scorer").write_bytes(SCORER.read_bytes())
    script = NAMES + "\n".join(EXAMPLE.findall(page.read_text()))
    with Simulator(Settings(seed=1)) as simulator:
        (tmp_path / "script.py").write_text(script.replace("https://api.openai.com/v1", simulator.base_url))
        environment = {**os.environ, "OPENAI_BASE_URL": simulator.base_url, "OPENAI_API_KEY": "sk-test"}
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and the site make them."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_in_the_list_of_the_site_once() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]

    def leaves(items: list[object]) -> list[str]:
        found: list[str] = []
        for item in items:
            inner = next(iter(item.values())) if isinstance(item, dict) else item
            found += leaves(inner) if isinstance(inner, list) else [str(inner)]
        return found

    assert sorted(leaves(site["nav"])) == sorted(p.name for p in (ROOT / "docs").glob("*.md"))
