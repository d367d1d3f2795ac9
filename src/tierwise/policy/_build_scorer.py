"""From a rule's `scorer` to what it asks: the file is read and must be whole, and its words become a ScorerRule."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path as FilePath
from typing import Final, Protocol

from tierwise.catalog import Catalog
from tierwise.errors import CatalogError, ConfigurationError
from tierwise.policy._file import ScorerTable
from tierwise.policy._lines import Path
from tierwise.policy._problems import Sheet
from tierwise.policy._scorer_file import about_scorer, prior_bytes, scorer_bytes
from tierwise.policy._types import OWN_SCORER, ScorerRule

PRIOR: Final = "prior"


class _Building(Protocol):
    """What is being built."""

    sheet: Sheet
    prices: Catalog
    scorers: dict[str, bytes]


def scoring_of(
    given: str | ScorerTable | None, path: Path, folder: FilePath, margin: Decimal, building: _Building
) -> ScorerRule | None:
    """What a rule asks of a scorer; None for none, and with a problem noted where it does not hold."""
    if given is None:
        return None
    table = ScorerTable(file=given) if isinstance(given, str) else given
    sheet = building.sheet
    if table.quality is not None and table.least:
        sheet.say(path, "expected quality or least, found both; leave one out")
        return None
    if table.quality == 0:
        sheet.say((*path, "quality"), "expected a chance above 0, found 0")
        return None
    least = _least(table.least, (*path, "least"), building)
    quality = None if table.least else table.quality if table.quality is not None else 1 - margin
    if least is None:
        return None
    if table.file == OWN_SCORER:
        return ScorerRule(scorer=OWN_SCORER, quality=quality, least=least)
    where = path if isinstance(given, str) else (*path, "file")
    try:
        data = prior_bytes() if table.file == PRIOR else scorer_bytes(folder / table.file)
        about, digest = about_scorer(data, table.file)
    except ConfigurationError as error:
        sheet.say(where, str(error))
        return None
    except (OSError, ValueError) as error:
        # No such file, a folder, a name that no file can have.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        sheet.say(where, f"expected a scorer at {table.file!r:.200}, found none that reads: {reason}")
        return None
    building.scorers[digest] = data
    return ScorerRule(
        scorer=digest,
        rungs=about.rungs,
        general=about.kind == "difficulty",
        proven=about.proven and about.kind == "rungs",
        quality=quality,
        least=least,
    )


def _least(given: dict[str, Decimal], path: Path, building: _Building) -> dict[str, Decimal] | None:
    """Least lower ends by the catalog's names; None, noted, where one does not hold."""
    found: dict[str, Decimal] = {}
    for name, least in given.items():
        if not (least.is_finite() and 0 < least <= 1):
            building.sheet.say((*path, name), f"expected a chance above 0 and up to 1, found {least}")
            return None
        try:
            found[building.prices.resolve(name).model.name] = least
        except CatalogError as error:
            building.sheet.say((*path, name), f"expected a model of the catalog: {error}")
            return None
    return found
