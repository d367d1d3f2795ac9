"""Reading single fields of a request body, refusing wrong types in OpenAI's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tierwise.simulator._ask import Json
from tierwise.simulator._errors import wrong_type

IMAGE_TOKENS = {"low": 85, "high": 765, "auto": 765, "original": 1_100}
"""Tokens of one image by detail: an estimate, the real count depends on size and model."""
FILE_TOKENS = 258
"""Tokens of one file or sound: an estimate."""


def words(body: Mapping[str, Any], name: str) -> str | None:
    """A string or nothing."""
    found = body.get(name)
    if found is not None and not isinstance(found, str):
        raise wrong_type(name, "a string", found)
    return found


def number(body: Mapping[str, Any], name: str) -> int | None:
    """A whole number or nothing."""
    found = body.get(name)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
        raise wrong_type(name, "an integer", found)
    return found


def flag(body: Mapping[str, Any], name: str) -> bool:
    """True or false, false where absent."""
    found = body.get(name)
    if found is not None and not isinstance(found, bool):
        raise wrong_type(name, "a boolean", found)
    return bool(found)


def options(body: Mapping[str, Any], name: str) -> Json:
    """An object, empty where absent."""
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise wrong_type(name, "an object", found)
    return found


def text_of(content: Any, place: str) -> str:
    """All text of a message's content, parts joined by a line break."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(place, "a string or an array of objects", content)
    found = []
    for part in content:
        if isinstance(part, dict):
            text = part.get("text", part.get("refusal"))
            if isinstance(text, str):
                found.append(text)
        elif isinstance(part, str):
            found.append(part)
    return "\n".join(found)


def media_tokens(content: Any) -> int:
    """Tokens of the images and files in a message's content, estimated."""
    total = 0
    for part in content if isinstance(content, list) else []:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in {"image_url", "input_image", "computer_screenshot"}:
            image = part.get("image_url")
            detail = part.get("detail") or (image.get("detail") if isinstance(image, dict) else None)
            total += IMAGE_TOKENS.get(str(detail or "auto"), IMAGE_TOKENS["auto"])
        elif kind in {"file", "input_file", "input_audio"}:
            total += FILE_TOKENS
    return total


def json_text(value: Any) -> str:
    """JSON without blanks, keys in the order given."""
    return msgspec.json.encode(value).decode()


def listed(value: Any) -> list[Any]:
    """A list as it is, anything else as an empty one: for insides of a caller's schema."""
    return value if isinstance(value, list) else []


def mapped(value: Any) -> Mapping[str, Any]:
    """An object as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}
