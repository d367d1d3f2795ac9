"""The helpers of this folder are imported by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tierwise.catalog import Catalog

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.open()
