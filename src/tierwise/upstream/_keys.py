"""The key and our own headers, ready to send. A key is never part of a message or a repr."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping

from tierwise.errors import ConfigurationError
from tierwise.upstream._headers import safe_value

Key = str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A key, or what gives one (asked before each attempt; it keeps its own cache)."""


class Credentials:
    """What is sent with every request of one key.

    Args:
        key: None sends none, so that the caller's own goes up.
        shown: Turns a key into the header that carries it.
        own: Further headers of ours.

    Raises:
        ConfigurationError: The key cannot stand in a header.
        UnsafeRequest: A header of ours cannot be sent.
    """

    def __init__(
        self, key: Key | None, shown: Callable[[str], tuple[str, str]], own: Mapping[str, str]
    ) -> None:
        self._key = key
        self._show = shown
        self._own = {name.lower(): safe_value(name, value) for name, value in own.items()}
        self._fixed = self._with(key) if isinstance(key, str) else None

    @property
    def keyed(self) -> bool:
        """Whether a key of ours takes the place of the caller's."""
        return self._key is not None

    async def headers(self) -> Mapping[str, str]:
        """Our headers by lower-case name, with the key that holds now.

        Raises:
            ConfigurationError: The provider failed, or what it gave is no key.
        """
        if self._fixed is not None:
            return self._fixed
        provider = self._key
        if provider is None or isinstance(provider, str):
            return self._own
        given: object = None
        failed = None
        try:
            given = provider()
            if inspect.isawaitable(given):
                given = await given
        except Exception as error:  # noqa: BLE001  # whatever a provider raises may quote the key
            failed = type(error).__name__
        # Raised outside of `except`, so that the error does not carry the provider's along.
        if failed is not None:
            raise ConfigurationError(f"the key provider raised {failed}; no key, so nothing was sent")
        if not isinstance(given, str):
            raise ConfigurationError(
                f"the key provider gave {type(given).__name__}; expected the key as a string"
            )
        return self._with(given)

    def _with(self, key: str) -> dict[str, str]:
        text = key.strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigurationError(
                "the upstream key is empty, or has spaces, line breaks or non-ASCII characters; "
                "give it as issued"
            )
        name, value = self._show(text)
        return {**self._own, name: value}
