"""tierwise cuts an OpenAI bill without lowering quality. See README.md for the tour."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
