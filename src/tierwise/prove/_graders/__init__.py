"""The graders, one a file: each compares an answer with a reference and gives a score in [0, 1]."""

from __future__ import annotations
