"""Every exception tierwise raises, named by whose fault it is.

    TierwiseError
    ├── CallerError              the person or program that called us can put it right
    │   ├── ImpossibleUsage      token counts that contradict each other (also a ValueError)
    │   ├── RequestError         a request body that cannot be read as one (also a ValueError)
    │   ├── LogError             a log that cannot be read at all
    │   │   ├── NoSuchLog        nothing at that path
    │   │   ├── UnknownFormat    no reader recognises the content
    │   │   └── DamagedLog       the first bad record, under --strict
    │   └── MissingExtra         an optional package is needed and not installed
    ├── ConfigurationError       an overrides, ladder or policy file that does not hold
    └── CatalogError             a price or model we do not have; never answered with a guess
        ├── UnknownModel         no such model in the catalog (also a LookupError)
        └── Unpriced             the model is known, the lane or date has no published price

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations

__all__ = [
    "CallerError",
    "CatalogError",
    "ConfigurationError",
    "DamagedLog",
    "ImpossibleUsage",
    "LogError",
    "MissingExtra",
    "NoSuchLog",
    "RequestError",
    "TierwiseError",
    "UnknownFormat",
    "UnknownModel",
    "Unpriced",
]


class TierwiseError(Exception):
    """Base of every error that tierwise raises on purpose."""


class CallerError(TierwiseError):
    """The caller can put this right: an argument, a path, a request."""


class ImpossibleUsage(CallerError, ValueError):
    """Token counts that contradict each other; the message names the two counts."""


class RequestError(CallerError, ValueError):
    """A request body that is not a request; the message names the place in it."""


class LogError(CallerError):
    """A log that cannot be read; the message names the file."""


class NoSuchLog(LogError, FileNotFoundError):
    """No file, folder or match at the path given."""


class UnknownFormat(LogError):
    """No reader recognises the content; the message lists the formats to force."""


class DamagedLog(LogError):
    """A record that cannot be read, raised only when reading strictly."""


class MissingExtra(CallerError):
    """An optional package is needed; the message is the command that installs it."""


class ConfigurationError(TierwiseError):
    """A file of ours (overrides, ladder, policy) that does not hold; names line and key."""


class CatalogError(TierwiseError):
    """The catalog cannot answer, and does not guess."""


class UnknownModel(CatalogError, LookupError):
    """A model name that resolves to nothing in the catalog."""


class Unpriced(CatalogError):
    """The model is known, but this lane, date or kind of token has no published price."""
