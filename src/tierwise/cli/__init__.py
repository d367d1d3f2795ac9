"""The command line: parse, call one function, print.

Exit codes: 0 done, 1 a problem that the message names, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

from tierwise.cli._main import main

__all__ = ["main"]
