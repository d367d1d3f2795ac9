"""Where a path goes and how a key is shown: OpenAI and compatible servers, and Azure.

Azure's two forms, after its REST reference and `openai` 3.57 (`lib/azure.py`): dated versions put
the deployment into the path (`/openai/deployments/NAME/chat/completions?api-version=...`); the v1
form (`/openai/v1/...`) takes the deployment as `model` in the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from tierwise.errors import ConfigurationError, UnsafeRequest

_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]+\Z")
_PATH = re.compile(r"/[!-\"$-\[\]-~]*\Z")
_DOTS = re.compile(r"(?:/|%2f)(?:\.|%2e){1,2}(?:/|%2f|\?|\Z)", re.IGNORECASE)


class Target(Protocol):
    """One place to send calls to."""

    @property
    def origin(self) -> str:
        """Scheme, host and port, for messages."""

    def url(self, path: str, model: str | None) -> str:
        """The whole address, escaped as it goes out."""

    def body(self, path: str, body: bytes, model: str | None) -> bytes:
        """The body as this target wants it, the very same bytes wherever it can be."""

    def shown(self, key: str) -> tuple[str, str]:
        """The header that carries the key."""


class OpenAI(msgspec.Struct, frozen=True):
    """OpenAI, or a server that speaks its API: a base URL as an SDK takes it, '/v1' included."""

    base: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return _origin(self.base)

    def url(self, path: str, model: str | None) -> str:  # noqa: ARG002  # only Azure asks for the model
        """The base with the path, whose own '/v1' the base replaces."""
        return self.base + _below_v1(path)

    def body(self, path: str, body: bytes, model: str | None) -> bytes:  # noqa: ARG002  # as above
        """The same bytes."""
        return body

    def shown(self, key: str) -> tuple[str, str]:
        """A bearer token."""
        return "authorization", f"Bearer {key}"


class Azure(msgspec.Struct, frozen=True, kw_only=True):
    """Azure's form of the API.

    Args:
        deployments: Deployment name to the model it holds. Where two hold the same model the first
            is used. A model that is not named goes to the deployment of its own name.
        api_version: '2024-10-21' or another dated version; 'v1' or 'preview' for the newer form.
        auth: 'key' sends `api-key`, 'token' an Entra ID bearer token.
    """

    deployments: Mapping[str, str] = {}
    api_version: str = "v1"
    auth: Literal["key", "token"] = "key"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"v1|preview|\d{4}-\d\d-\d\d(-preview)?", self.api_version):
            raise ConfigurationError(
                f"azure: api_version is {self.api_version[:40]!r}; expected 'v1', 'preview' or a date "
                "such as '2024-10-21' or '2025-03-01-preview'"
            )

    def deployment_of(self, model: str) -> str:
        """The deployment that serves a model."""
        return next((name for name, held in self.deployments.items() if held == model), model)

    def model_of(self, deployment: str) -> str:
        """The model behind a deployment, for prices; the name itself where it is not in the map."""
        return self.deployments.get(deployment, deployment)


_IN_DEPLOYMENT = frozenset({"/chat/completions", "/completions", "/embeddings"})
_BESIDE = ("/responses", "/files", "/batches", "/models")


class AzureTarget(msgspec.Struct, frozen=True):
    """An Azure resource, 'https://NAME.openai.azure.com'."""

    base: str
    azure: Azure

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return _origin(self.base)

    def url(self, path: str, model: str | None) -> str:
        """The address in the form of the api-version.

        Raises:
            ConfigurationError: A dated version has no such path, or the path needs a model.
        """
        below = _below_v1(path)
        version = self.azure.api_version
        if version in ("v1", "preview"):
            return self.base + "/openai/v1" + (_versioned(below, version) if version == "preview" else below)
        bare = below.partition("?")[0]
        if bare in _IN_DEPLOYMENT:
            if not model:
                raise ConfigurationError(
                    f"azure: {bare} needs a model, to find its deployment; none was given"
                )
            name = quote(self.azure.deployment_of(model), safe="")
            return f"{self.base}/openai/deployments/{name}{_versioned(below, version)}"
        if any(bare == known or bare.startswith(known + "/") for known in _BESIDE):
            return f"{self.base}/openai{_versioned(below, version)}"
        raise ConfigurationError(
            f"azure: no address for {bare[:80]} in api-version {version}; docs/upstream.md lists what there is, "
            "api_version = 'v1' has more"
        )

    def body(self, path: str, body: bytes, model: str | None) -> bytes:
        """The body, with `model` naming the deployment where Azure looks for it there."""
        if not model or not body:
            return body
        bare = _below_v1(path).partition("?")[0]
        if bare in _IN_DEPLOYMENT and self.azure.api_version not in ("v1", "preview"):
            return body
        name = self.azure.deployment_of(model)
        return body if name == model else with_model(body, name)

    def shown(self, key: str) -> tuple[str, str]:
        """`api-key`, or a bearer token."""
        return ("api-key", key) if self.azure.auth == "key" else ("authorization", f"Bearer {key}")


def target(base_url: str, azure: Azure | None) -> Target:
    """The target of a base URL.

    Raises:
        ConfigurationError: It is not an http(s) address, or holds a user, a query or a fragment.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.netloc.endswith(":"):
        raise ConfigurationError(
            "base_url must be like 'https://api.openai.com/v1'; it is no http(s) address"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"base_url for {parts.hostname} has a user, a query or a fragment; give the key as `key` "
            "and Azure's api-version as `azure`"
        )
    if not _HOST.match(parts.netloc):
        raise ConfigurationError(
            "base_url has a host with other characters than letters, digits, '-' and '.'"
        )
    if not _PATH.match(parts.path or "/") or _DOTS.search(parts.path):
        raise ConfigurationError(
            f"base_url for {parts.hostname} has a path with spaces, dots or control characters"
        )
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    if azure is None:
        return OpenAI(base)
    return AzureTarget(base.removesuffix("/v1").removesuffix("/openai"), azure)


def safe_method(method: str) -> str:
    """The method in capitals.

    Raises:
        UnsafeRequest: It is not made of letters.
    """
    if not (method.isascii() and method.isalpha()):
        raise UnsafeRequest(f"the method {method[:40]!r} is none; expected POST, GET, DELETE, ...")
    return method.upper()


def safe_path(path: str) -> str:
    """The path, if it can go on a request line and stays below the base URL.

    Raises:
        UnsafeRequest: It does not begin with '/', or has spaces, control characters, non-ASCII
            characters, a fragment, or '.' and '..' segments.
    """
    if not _PATH.match(path) or _DOTS.search(path.partition("?")[0]):
        raise UnsafeRequest(
            f"the path {path[:80]!r} must begin with '/', be percent-encoded, and have no '.' or '..' segment"
        )
    return path


def with_model(body: bytes, model: str) -> bytes:
    """A JSON object with its `model` replaced; other values keep their bytes, keys their order.

    Raises:
        UnsafeRequest: It is not a JSON object.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UnsafeRequest("the body is no JSON object, so its model cannot be set for Azure") from None
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)


def _below_v1(path: str) -> str:
    return path[3:] if path.startswith("/v1/") else path


def _origin(base: str) -> str:
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}"


def _versioned(path: str, version: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}api-version={version}"
