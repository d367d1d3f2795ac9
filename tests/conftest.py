"""For all tests: properties have no time limit of their own, since a busy machine would fail them by chance."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tierwise", deadline=None)
settings.load_profile("tierwise")
