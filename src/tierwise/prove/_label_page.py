"""The page for labelling: one comparison at a time, on loopback, kept after every answer.

Served by the standard library to this machine alone. A word in the address that is new at each start keeps
out other users and other pages of the browser; nothing is loaded from anywhere else, and all text is put
into the page as text.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import msgspec

from tierwise.errors import LabelError, TierwiseError
from tierwise.prove._label_text import HEADERS, PAGE, SCRIPT, STYLE
from tierwise.prove._labels import CHOICES, Choice, Row, load_rows, rater_name, save_rows

HOST: Final = "127.0.0.1"
_MOST_SENT: Final = 10_000
"""Bytes of an answer; ids are short."""


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    choice: str | None = None


class Sheet:
    """A file of labels as one rater works on it: what is left, and each answer saved at once."""

    def __init__(self, path: Path, rater: str) -> None:
        self.path = path
        self.rater = rater_name(rater)
        self._lock = threading.Lock()
        self._given: list[str] = []
        """Keys of rows answered since the start, for undo."""
        load_rows(path)  # refused now, not when the first page is asked for

    def state(self) -> dict[str, Any]:
        """What the page shows: how far it is, and the next comparison."""
        with self._lock:
            return self._state(load_rows(self.path))

    def answer(self, key: str, choice: Choice | None) -> dict[str, Any]:
        """Save the answer to a row, or take it back (None), and show the next. Raises LabelError."""
        with self._lock, _held(self.path):
            # Read again, so that what another rater saved meanwhile stays.
            rows = load_rows(self.path)
            if key not in {_key(row.id) for row in rows}:
                raise LabelError(f"{self.path}: the row is no longer there; load the page again")
            save_rows(
                self.path,
                [row.with_label(self.rater, choice) if _key(row.id) == key else row for row in rows],
            )
            self._given = [known for known in self._given if known != key]
            if choice is not None:
                self._given.append(key)
            return self._state(load_rows(self.path))

    def undo(self) -> dict[str, Any]:
        """Take back the last answer given since the start; nothing happens where there is none."""
        last = self._given[-1] if self._given else None
        return self.state() if last is None else self.answer(last, None)

    def done(self) -> str:
        """How far it is, in words."""
        state = self.state()
        return f"{state['done']} of {state['total']} labelled"

    def _state(self, rows: list[Row]) -> dict[str, Any]:
        mine = [row for row in rows if self._is_mine(row)]
        done = sum(row.by(self.rater) is not None for row in mine)
        left = [row for row in mine if row.by(self.rater) is None]
        shown = None
        if left:
            row = left[0]
            shown = {"id": _key(row.id), "request": row.request, "left": row.left, "right": row.right}
        return {
            "rater": self.rater,
            "done": done,
            "total": len(mine),
            "undo": bool(self._given),
            "row": shown,
        }

    def _is_mine(self, row: Row) -> bool:
        """Rows of the overlap are everybody's, the others whoever's comes first."""
        return row.overlap or not row.labels or row.by(self.rater) is not None


def _key(id: str) -> str:
    """What the page calls a row: an id may be text that no page can send back as it was."""
    return blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """One writer at a time among processes, where the system has such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    # The folder is what is locked: the file itself is replaced by every writer.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class LabelPage:
    """The page's server; `url` is the address to open."""

    def __init__(self, path: Path, rater: str, secret: str, port: int = 0) -> None:
        """Open the file and the port.

        Args:
            path: The CSV file.
            rater: Whose labels they are.
            secret: A word that nobody can guess, for the address.
            port: 0 takes any that is free.

        Raises:
            LabelError: The file cannot be read, or the port cannot be had.
        """
        self.sheet = Sheet(path, rater)
        self._secret = secret
        try:
            self._server = ThreadingHTTPServer((HOST, port), self._handler())
        except OSError as error:
            raise LabelError(
                f"port {port} cannot be had: {error.strerror}; name another with --port"
            ) from None
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/{self._secret}/"

    def serve(self) -> None:
        """Serve until `close` is called from another thread, or an exception ends it."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Stop serving, from another thread than the one that serves, and let go of the port."""
        self._server.shutdown()
        self.release()

    def release(self) -> None:
        """Let go of the port, once serving has ended."""
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self

        class Handler(_Handler):
            def answer(self, method: str) -> tuple[HTTPStatus, str, bytes]:
                return page.answer(method, self.path, self.headers.get("Host", ""), self.sent)

        return Handler

    def answer(
        self, method: str, path: str, host: str, sent: Callable[[], bytes]
    ) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for one request."""
        if host not in {f"{HOST}:{self.port}", f"localhost:{self.port}"}:
            # Another name for this address may be another site's, made to lead here.
            return _plain(HTTPStatus.FORBIDDEN, "this page is at its own address only")
        _, _, rest = path.partition("?")[0].partition("/")
        secret, _, name = rest.partition("/")
        if not compare_digest(secret.encode(), self._secret.encode()):
            return _plain(HTTPStatus.NOT_FOUND, "no such page; use the whole address that was printed")
        if method == "GET" and name in _FILES:
            kind, text = _FILES[name]
            return HTTPStatus.OK, kind, text.encode()
        try:
            return self._spoken(method, name, sent)
        except TierwiseError as error:
            return _json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _json(HTTPStatus.BAD_REQUEST, {"error": "expected an id and left, right or tie"})

    def _spoken(self, method: str, name: str, sent: Callable[[], bytes]) -> tuple[HTTPStatus, str, bytes]:
        if (method, name) == ("GET", "state"):
            return _json(HTTPStatus.OK, self.sheet.state())
        if (method, name) == ("POST", "undo"):
            sent()
            return _json(HTTPStatus.OK, self.sheet.undo())
        if (method, name) == ("POST", "answer"):
            given = msgspec.json.decode(sent(), type=_Sent)
            choice = next((one for one in CHOICES if one == given.choice), None)
            if choice is None:
                raise LabelError("expected left, right or tie")
            return _json(HTTPStatus.OK, self.sheet.answer(given.id, choice))
        return _plain(HTTPStatus.NOT_FOUND, "no such page")


_FILES: Final = {
    "": ("text/html; charset=utf-8", PAGE),
    "page.css": ("text/css; charset=utf-8", STYLE),
    "page.js": ("text/javascript; charset=utf-8", SCRIPT),
}


def _plain(status: HTTPStatus, text: str) -> tuple[HTTPStatus, str, bytes]:
    return status, "text/plain; charset=utf-8", text.encode()


def _json(status: HTTPStatus, value: dict[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    clean = {key: _whole(item) for key, item in value.items()}
    return status, "application/json", msgspec.json.encode(clean)


def _whole(value: Any) -> Any:
    """Text without lone surrogates, which JSON cannot carry; for showing alone, the file keeps them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {key: _whole(item) for key, item in value.items()} if isinstance(value, dict) else value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "tierwise"
    sys_version = ""
    timeout = 30
    unread = False
    """Whether a body was sent that nobody has read: it would stand before the next request."""

    def answer(self, method: str) -> tuple[HTTPStatus, str, bytes]:
        raise NotImplementedError

    def sent(self) -> bytes:
        """The body, which must be JSON: another site's form cannot send that unasked."""
        size = self.headers.get("Content-Length", "0")
        if not size.isdecimal() or int(size) > _MOST_SENT:
            raise LabelError("the answer is too long")
        if self.headers.get_content_type() != "application/json":
            raise LabelError("expected application/json")
        self.unread = False
        return self.rfile.read(int(size))

    def do_GET(self) -> None:
        self._reply("GET")

    def do_POST(self) -> None:
        self._reply("POST")

    def _reply(self, method: str) -> None:
        self.unread = method == "POST"
        status, kind, body = self.answer(method)
        self.close_connection = self.close_connection or self.unread
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in HEADERS:
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds the word that opens the page."""
