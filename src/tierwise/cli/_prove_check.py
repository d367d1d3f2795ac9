"""`tierwise prove --check`: whether evidence still carries what rests on it."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path

import typer

from tierwise.calls import Call, plan, read
from tierwise.catalog import Catalog
from tierwise.cli._verify import files
from tierwise.errors import CatalogError, ConfigurationError
from tierwise.policy import Evidence, check_policy
from tierwise.prove import Verified, verify

STALE = 120
"""Days after the last call of its population that evidence is stale."""


def check_evidence(paths: list[Path], catalog: Catalog) -> int:
    """Print what is wrong with evidence at these paths; 1 where anything is, else 0.

    Args:
        paths: Policies (.toml), evidence files or folders of them, and logs, whose newest calls say what serves.
        catalog: Names models.
    """
    today = dt.datetime.now(dt.UTC).date()
    policies = [path for path in paths if path.suffix == ".toml"]
    logs = [path for path in paths if path not in policies and not _is_evidence(path)]
    given = [path for path in paths if path not in policies and path not in logs]
    found = files(given) if given else []
    for policy in policies:
        found += _named_by(policy)
    problems = [f"{path}: {said}" for path in policies for said in _of_policy(path, catalog)]
    served = _served(logs, catalog)
    checked = 0
    for path in dict.fromkeys(found):
        try:
            verified = verify(path.read_bytes(), str(path))
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        checked += 1
        problems += [f"{path}: {said}" for said in _stale(verified, served, catalog, today)]
    for said in problems:
        typer.echo(f"tierwise: {said}", err=True)
    if not problems:
        typer.echo(f"{checked} evidence files hold")
    return 1 if problems else 0


def _is_evidence(path: Path) -> bool:
    """Whether a path is an evidence file, or a folder that has one."""
    try:
        some = next(iter(sorted(path.glob("*.json"))), None) if path.is_dir() else path
        return some is not None and some.suffix == ".json" and b'"lower_bound"' in some.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None


def _named_by(policy: Path) -> list[Path]:
    """Evidence files that a policy names."""
    try:
        rules = tomllib.loads(policy.read_text("utf-8")).get("rule", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{policy}: {error}") from None
    named: list[Path] = []
    for rule in rules if isinstance(rules, list) else ():
        said = rule.get("evidence", []) if isinstance(rule, dict) else []
        named += [policy.parent / name for name in ([said] if isinstance(said, str) else said)]
    return [path for path in named if path.is_file()]


def _of_policy(path: Path, catalog: Catalog) -> Iterator[str]:
    yield from (str(problem) for problem in check_policy(path, catalog).problems)


def _stale(verified: Verified, served: dict[str, str], catalog: Catalog, today: dt.date) -> Iterator[str]:
    evidence, population = verified.evidence, verified.proof.population
    if evidence.expires < today:
        yield f"expired on {evidence.expires.isoformat()}; prove it again"
    if population.last is not None and (today - population.last).days > STALE:
        yield f"stale: the newest of its calls is of {population.last.isoformat()}; prove it on newer logs"
    now = served.get(_family(evidence.snapshot, catalog))
    if now is not None and now != evidence.snapshot:
        yield f"of snapshot {evidence.snapshot}, and {now} serves in these logs; prove it again"
    yield from _ended(evidence, catalog, today)


def _ended(evidence: Evidence, catalog: Catalog, today: dt.date) -> Iterator[str]:
    try:
        shutdown = catalog.resolve(evidence.rung.model).model.shutdown
    except CatalogError as error:
        yield str(error)
        return
    if shutdown is not None and shutdown <= today:
        yield f"{evidence.rung.model} ended on {shutdown.isoformat()}"


def _served(logs: list[Path], catalog: Catalog) -> dict[str, str]:
    """Model family to the dated model that served its newest call."""
    newest: dict[str, tuple[int, str]] = {}
    if not logs:
        return {}
    for unit in plan([str(path) for path in logs]).units:
        for record in read(unit):
            if not isinstance(record, Call) or record.model_served is None or record.at is None:
                continue
            family = _family(record.model_served, catalog)
            if record.model_served != family and record.at >= newest.get(family, (0, ""))[0]:
                newest[family] = record.at, record.model_served
    return {family: name for family, (_, name) in newest.items()}


def _family(name: str, catalog: Catalog) -> str:
    try:
        return catalog.resolve(name).model.name
    except CatalogError:
        return name
