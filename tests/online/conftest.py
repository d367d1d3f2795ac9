"""Helpers of the cascade's tests are imported by name here too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "cascade"))
