"""Where each key of a TOML text stands, which `tomllib` does not tell.

Takes text that `tomllib` has read, so it need not refuse anything.
"""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]
"""Keys from the root; entries of an array of tables, and items of an array, by number from 0."""

_TOKEN: Final = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{}=,])|(?P<bare>[^\s=\[\]{},\"'\#]+)",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """Path of every table, key and item to its line, from 1; the first line where it is said twice."""
    return _Scan(text).run()


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it; 1 where there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


class _Scan:
    """Tokens with their lines, walked once."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        line = 1
        for found in _TOKEN.finditer(text):
            kind, word = found.lastgroup or "", found.group()
            if kind != "comment":
                self._tokens.append((kind, word, line))
            line += word.count("\n")
        self._at = 0
        self._found: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}

    def run(self) -> dict[Path, int]:
        """Walk the statements."""
        table: Path = ()
        while (token := self._peek()) is not None:
            kind, word, line = token
            if kind == "newline":
                self._at += 1
            elif word == "[":
                table = self._header(line)
            else:
                self._pair(table)
        return self._found

    def _peek(self) -> tuple[str, str, int] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _skip(self, *, newlines: bool = False) -> None:
        self._at += 1
        while newlines and (token := self._peek()) is not None and token[0] == "newline":
            self._at += 1

    def _header(self, line: int) -> Path:
        self._skip()
        many = (token := self._peek()) is not None and token[1] == "["
        if many:
            self._skip()
        path = self._placed(self._keys("]"), many=many)
        self._skip()
        if many:
            self._skip()
        self._found.setdefault(path, line)
        return path

    def _placed(self, keys: list[str], *, many: bool) -> Path:
        """A header's path, with the newest entry of each array of tables that it goes through."""
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            last = place == len(keys) - 1
            if last and many:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _keys(self, end: str) -> list[str]:
        """A dotted key, up to but without the mark `end`."""
        keys: list[str] = []
        while (token := self._peek()) is not None and token[1] != end:
            kind, word, _ = token
            if kind == "string":
                keys.append(word[1:-1])
            elif kind == "bare":
                keys += [part for part in word.split(".") if part]
            self._at += 1
        return keys

    def _pair(self, table: Path) -> None:
        token = self._peek()
        line = token[2] if token is not None else 1
        path = (*table, *self._keys("="))
        self._skip()
        self._found.setdefault(path, line)
        self._value(path)

    def _value(self, path: Path) -> None:
        token = self._peek()
        if token is None:
            return
        if token[1] == "{" and token[0] == "mark":
            self._inside("}", path)
        elif token[1] == "[" and token[0] == "mark":
            self._inside("]", path)
        else:
            self._at += 1
            while (token := self._peek()) is not None and token[0] == "bare":
                self._at += 1

    def _inside(self, end: str, path: Path) -> None:
        """Pairs of an inline table, or items of an array."""
        self._skip(newlines=True)
        number = 0
        while (token := self._peek()) is not None and token[1] != end:
            if token[1] == ",":
                self._skip(newlines=True)
                continue
            if end == "}":
                self._pair(path)
            else:
                item = (*path, number)
                self._found.setdefault(item, token[2])
                number += 1
                self._value(item)
            if (token := self._peek()) is not None and token[0] == "newline":
                self._skip(newlines=True)
        self._at += 1
