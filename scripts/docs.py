"""Write what is generated in README and docs, or with --check fail when any of it is stale.

docs/cli.md             the help of every command
docs/findings.schema.json   the JSON of `tierwise audit --json`
docs/policy.schema.json     the schema of tierwise.toml, for editors
docs/report.svg, docs/report.txt   the report on the sample log, as a terminal shows it
README.md               the scores between its markers
"""

from __future__ import annotations

import datetime as dt
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
TODAY = dt.date(2026, 11, 24)
"""The day after the sample log ends, so that the pictured report does not change with the calendar."""
COMMANDS = (
    (),
    ("audit",),
    ("models",),
    ("price",),
    ("record",),
    ("route",),
    ("policy",),
    ("policy", "init"),
    ("policy", "check"),
    ("policy", "diff"),
    ("policy", "publish"),
    ("policy", "approve"),
    ("policy", "list"),
    ("policy", "rollback"),
    ("policy", "follow"),
    ("serve",),
    ("batch", "run"),
    ("batch", "list"),
    ("batch", "show"),
    ("batch", "cancel"),
    ("batch", "retry"),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "end"),
    ("budgets", "set"),
    ("budgets", "list"),
    ("spend",),
    ("reconcile",),
    ("ledger", "log"),
    ("statement",),
    ("ledger", "export"),
    ("ledger", "purge"),
    ("ledger", "forget"),
    ("off",),
    ("on",),
)
WIDTH = 100


def cli() -> str:
    """Help texts, as a terminal of 100 columns shows them."""
    from typer.testing import CliRunner

    from tierwise.cli._main import build

    parts = ["# The command line\n\nGenerated from the program by `make docs`.\n"]
    for words in COMMANDS:
        result = CliRunner().invoke(
            build(),
            [*words, "--help"],
            prog_name="tierwise",
            env={"COLUMNS": str(WIDTH)},
            terminal_width=WIDTH,
        )
        title = " ".join(("tierwise", *words))
        parts.append(f"## {title}\n\n```text\n{result.output.rstrip()}\n```\n")
    parts.append("Exit codes: 0 done; 1 a problem that the message names; 2 wrong usage; 130 interrupted.\n")
    return "\n".join(parts)


def schema() -> str:
    """JSON schema of the findings."""
    from tierwise.report import schema_text

    return schema_text()


def policy_schema() -> str:
    """JSON schema of tierwise.toml."""
    from tierwise.policy import schema_text

    return schema_text()


def report_pages() -> tuple[str, str]:
    """(SVG, text) of the report on the sample log."""
    from rich.console import Console

    from tierwise.audit import audit
    from tierwise.report import terminal

    found = audit([ROOT / "sample" / "calls.jsonl.gz"], today=TODAY, processes=1).findings
    console = Console(
        width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    terminal(found, console)
    svg = console.export_svg(title="tierwise audit sample/calls.jsonl.gz", unique_id="report", clear=False)
    text = console.export_text(clear=True, styles=False)
    return _tidy(svg), _tidy(text)


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def scores() -> str:
    """README with the scores of the labelled sets between its markers."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, script in (("labels", "score.py"), ("grouping", "score_grouping.py")):
        begin, end = f"<!-- scores {name} -->\n", f"<!-- end scores {name} -->"
        if begin not in readme:
            continue
        run = subprocess.run(
            [sys.executable, ROOT / "tests" / "workloads" / script],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        before, _, rest = readme.partition(begin)
        _, _, after = rest.partition(end)
        readme = f"{before}{begin}{run.stdout.strip()}\n{end}{after}"
    return readme


def pages() -> dict[Path, Callable[[], str]]:
    """Every generated file and what makes it."""
    svg, text = report_pages()
    return {
        ROOT / "docs" / "cli.md": cli,
        ROOT / "docs" / "findings.schema.json": schema,
        ROOT / "docs" / "policy.schema.json": policy_schema,
        ROOT / "docs" / "report.svg": lambda: svg,
        ROOT / "docs" / "report.txt": lambda: text,
        ROOT / "README.md": scores,
    }


def main() -> int:
    """Write or check; returns the exit code."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, make in pages().items():
        wanted = make()
        if path.exists() and path.read_text("utf-8") == wanted:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, "utf-8")
    for path in stale:
        print(f"{'stale' if check else 'wrote'} {path.relative_to(ROOT)}")
    if check and stale:
        print("run `make docs` and commit what it writes")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
