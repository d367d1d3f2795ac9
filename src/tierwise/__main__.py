"""`python -m tierwise` is `tierwise`."""

from __future__ import annotations

from tierwise.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
