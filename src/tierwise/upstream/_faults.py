"""What aiohttp's errors mean for a call: whose fault, whether it was sent, whether to try again."""

from __future__ import annotations

import aiohttp
import msgspec
from yarl import URL

from tierwise.calls import Timeouts
from tierwise.errors import (
    OutcomeUnknown,
    UpstreamCut,
    UpstreamGarbled,
    UpstreamRedirected,
    UpstreamSilent,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tierwise.upstream._failure import Failure


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request that failed."""

    origin: str
    timeouts: Timeouts
    connections: int
    """The pool's limit."""
    most_header: int
    """Bytes of the longest header line that is read."""
    sent: bool
    """Whether the last piece of the request was handed to the connection."""
    safe: bool
    """Whether the method changes nothing upstream."""


def failure(fault: BaseException, at: Circumstances) -> Failure:
    """What a failed request means. aiohttp's error itself goes no further: it carries headers."""
    if isinstance(fault, aiohttp.ConnectionTimeoutError):
        text = (
            f"no connection to {at.origin} within {at.timeouts.connect:g} s: it does not answer, or all "
            f"{at.connections} connections are in use; raise timeouts.connect or connections"
        )
        return Failure(error=UpstreamTimeout(text), reason="connect timeout", again=True)
    if isinstance(fault, aiohttp.SocketTimeoutError):
        return _late(at, "first_byte", at.timeouts.first_byte)
    if isinstance(fault, TimeoutError):
        return _late(at, "total", at.timeouts.total)
    if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ServerFingerprintMismatch):
        text = f"{at.origin} shows a certificate that is not valid for it; check base_url and ssl"
        return Failure(error=UpstreamUnreachable(text), reason="bad certificate")
    if isinstance(fault, aiohttp.ClientHttpProxyError):
        text = f"the proxy refused to connect to {at.origin} with status {fault.status}"
        return Failure(error=UpstreamUnreachable(text), reason=f"proxy {fault.status}")
    if isinstance(fault, aiohttp.ClientConnectorError):
        what = _what(fault)
        error = UpstreamUnreachable(f"cannot connect to {at.origin}: {what}")
        return Failure(error=error, reason=what, again=True)
    if isinstance(fault, aiohttp.ClientResponseError):
        text = (
            f"{at.origin} sent something that is no HTTP reply, or a header line over {at.most_header} bytes; "
            "the request may have been carried out"
        )
        return Failure(error=UpstreamGarbled(text, sent=True), reason="unreadable reply")
    return _broken(at)


def _what(fault: aiohttp.ClientConnectorError) -> str:
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return "name not found"
    if isinstance(fault, aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    inner = fault.os_error
    return "connection refused" if isinstance(inner, ConnectionRefusedError) else inner.strerror or "no route"


def _late(at: Circumstances, limit: str, seconds: float) -> Failure:
    text = f"no status from {at.origin} within the {limit} time of {seconds:g} s"
    hint = f"raise timeouts.{limit}"
    reason = limit.replace("_", " ") + " timeout"
    # After the total there is no time for another attempt.
    first = limit == "first_byte"
    if at.sent and not at.safe:
        error = UpstreamSilent(
            f"{text}: the request was sent and may have been carried out and billed; {hint}", sent=True
        )
        return Failure(error=error, reason=reason, unknown=first)
    return Failure(error=UpstreamTimeout(f"{text}; {hint}", sent=at.sent), reason=reason, again=first)


def _broken(at: Circumstances) -> Failure:
    if not at.sent:
        text = f"the connection to {at.origin} broke before the request was sent whole"
        return Failure(error=UpstreamUnreachable(text), reason="broke while sending", again=True)
    if at.safe:
        text = f"the connection to {at.origin} broke before a status came"
        return Failure(error=UpstreamCut(text, sent=True), reason="broke before status", again=True)
    text = (
        f"the connection to {at.origin} broke after the request was sent and before a status came: it may "
        "have been carried out and billed; it is not sent again unless retries.unknown is set"
    )
    return Failure(error=OutcomeUnknown(text, sent=True), reason="broke before status", unknown=True)


def redirected(response: aiohttp.ClientResponse, origin: str) -> UpstreamRedirected:
    """The error for a redirect; of the address it points to only scheme and host are told."""
    try:
        place = URL(response.headers.get("location", ""))
        where = f"{place.scheme}://{place.host}" if place.host else "another path"
    except ValueError:
        where = "no address"
    return UpstreamRedirected(
        f"{origin} answered {response.status} and points to {where}; redirects are not followed, "
        "set base_url to the address that answers",
        sent=True,
    )
