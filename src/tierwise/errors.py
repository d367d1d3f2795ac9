"""Every exception tierwise raises, named by whose fault it is.

    TierwiseError
    ├── CallerError              the person or program that called us can put it right
    │   ├── ImpossibleUsage      token counts that contradict each other (also a ValueError)
    │   ├── RequestError         a request body that cannot be read as one (also a ValueError)
    │   ├── LogError             a log that cannot be read at all
    │   │   ├── NoSuchLog        nothing at that path
    │   │   ├── UnknownFormat    no reader recognises the content
    │   │   └── DamagedLog       the first bad record, under --strict
    │   ├── OutOfBounds          a number outside the bounds a statistic was told (also a ValueError)
    │   ├── UnsafeRequest        a path or header that must not go upstream (also a ValueError)
    │   ├── GraderError          an owner's own grading function that failed, or gave no score
    │   ├── LabelError           a file of labels that cannot be read or written
    │   ├── SpendReached         a proof has no money left for its next call
    │   └── MissingExtra         an optional package is needed and not installed
    ├── ConfigurationError       an overrides, ladder or policy file that does not hold
    ├── LedgerUnavailable        the ledger's database cannot be reached
    ├── CatalogError             a price or model we do not have; never answered with a guess
    │   ├── UnknownModel         no such model in the catalog (also a LookupError)
    │   └── Unpriced             the model is known, the lane or date has no published price
    └── UpstreamError            OpenAI, or the way to it; its own error replies are not exceptions
        ├── UpstreamUnreachable  no connection; nothing was sent
        ├── UpstreamTimeout      a stated time passed (also a TimeoutError)
        ├── OutcomeUnknown       sent, and no status came: it may have been carried out and billed
        │   └── UpstreamSilent   ... because no status came in time (also an UpstreamTimeout)
        ├── UpstreamCut          the reply stopped before its end
        ├── UpstreamGarbled      what came is not a reply, or is larger than the limits
        └── UpstreamRedirected   it points elsewhere; keys and prompts are not taken there

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CallerError",
    "CatalogError",
    "ConfigurationError",
    "DamagedLog",
    "GraderError",
    "ImpossibleUsage",
    "LabelError",
    "LedgerUnavailable",
    "LogError",
    "MissingExtra",
    "NoSuchLog",
    "OutOfBounds",
    "OutcomeUnknown",
    "RequestError",
    "SpendReached",
    "TierwiseError",
    "UnknownFormat",
    "UnknownModel",
    "Unpriced",
    "UnsafeRequest",
    "UpstreamCut",
    "UpstreamError",
    "UpstreamGarbled",
    "UpstreamRedirected",
    "UpstreamSilent",
    "UpstreamTimeout",
    "UpstreamUnreachable",
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


class OutOfBounds(CallerError, ValueError):
    """A number outside the bounds that a statistic was told; the message names both."""


class UnsafeRequest(CallerError, ValueError):
    """A path or header that must not go upstream; the message names it, never a value."""


class GraderError(CallerError):
    """An owner's own grading function failed or gave no score; the message names it and the call."""


class LabelError(CallerError):
    """A file of labels that cannot be read or written; the message names the file and the line."""


class SpendReached(CallerError):
    """The most that a proof may spend does not cover what its next call could cost; it was not sent."""


class MissingExtra(CallerError):
    """An optional package is needed; the message is the command that installs it."""


class ConfigurationError(TierwiseError):
    """A file of ours (overrides, ladder, policy) that does not hold; names line and key."""


class SealBroken(TierwiseError):
    """What was kept sealed does not open: another key, or damage."""


class LedgerUnavailable(TierwiseError):
    """The ledger's database cannot be reached; what needs it must wait."""


class CatalogError(TierwiseError):
    """The catalog cannot answer, and does not guess."""


class UnknownModel(CatalogError, LookupError):
    """A model name that resolves to nothing in the catalog."""


class Unpriced(CatalogError):
    """The model is known, but this lane, date or kind of token has no published price."""


class UpstreamError(TierwiseError):
    """OpenAI, or the way to it, failed. Messages hold no key, no header value and no body.

    `attempts` are the requests that were sent for the call (`tierwise.calls.Attempt`, in order);
    `sent` says whether upstream may have acted on the last of them.
    """

    def __init__(self, message: str, *, sent: bool = False, attempts: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.sent = sent
        self.attempts = attempts


class UpstreamUnreachable(UpstreamError):
    """No connection could be made: name, route, refusal or certificate. Nothing was sent."""


class UpstreamTimeout(UpstreamError, TimeoutError):
    """One of the stated times passed; the message says which and how to raise it."""


class OutcomeUnknown(UpstreamError):
    """The request was sent and no status came back: it may have been carried out and billed."""


class UpstreamSilent(OutcomeUnknown, UpstreamTimeout):
    """The request was sent and no status came in time: it may have been carried out and billed."""


class UpstreamCut(UpstreamError):
    """The reply, or its event stream, stopped before its end. What came before it was passed on."""


class UpstreamGarbled(UpstreamError):
    """What came is not an HTTP reply or event stream, or is larger than the limits."""


class UpstreamRefused(UpstreamError):
    """Upstream answered with an error where a file or batch of ours was concerned."""

    def __init__(self, message: str, *, status: int, code: str | None = None) -> None:
        super().__init__(message, sent=True)
        self.status = status
        self.code = code


class UpstreamRedirected(UpstreamError):
    """Upstream points elsewhere, which is never followed; the base URL should be corrected."""
