"""The program: commands, and one place where errors become words and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from tierwise.cli._audit import audit
from tierwise.cli._batch import batch_app
from tierwise.cli._cache import cache_app
from tierwise.cli._doctor import doctor
from tierwise.cli._kept import ledger_app
from tierwise.cli._label import label
from tierwise.cli._ledger import budgets_app, keys_app, off, on, spend
from tierwise.cli._living import living
from tierwise.cli._policy import policy_app
from tierwise.cli._prices import models, price
from tierwise.cli._prove import prove
from tierwise.cli._reconcile import reconcile
from tierwise.cli._record import record
from tierwise.cli._route import route
from tierwise.cli._scorer import drift, evaluate, train
from tierwise.cli._serve import serve
from tierwise.cli._simulate import simulate
from tierwise.cli._statement import statement
from tierwise.cli._verify import verify
from tierwise.errors import TierwiseError

ENDED = 143
"""Exit code after SIGTERM: 128 and the signal's number."""
ISSUE_HINT = "This is a fault in tierwise. Set TIERWISE_DEBUG=1 to see where, and please report it."


def build() -> typer.Typer:
    """The application with its commands."""
    app = typer.Typer(
        name="tierwise",
        help="Cut an OpenAI bill without lowering quality: audit the calls you make, price them, route them.",
        epilog="Start here: tierwise audit LOGS --html report.html",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_options)
    app.command()(audit)
    app.command()(doctor)
    app.command()(models)
    app.command()(price)
    app.command()(record)
    app.command()(route)
    app.command()(serve)
    app.command()(prove)
    app.command()(verify)
    app.command()(label)
    app.command()(spend)
    app.command()(reconcile)
    app.command()(statement)
    app.command()(living)
    app.command()(off)
    app.command()(on)
    app.command()(simulate)
    app.add_typer(cache_app(), name="cache")
    app.command()(train)
    app.command()(evaluate)
    app.command()(drift)
    app.add_typer(policy_app(), name="policy")
    app.add_typer(batch_app(), name="batch")
    app.add_typer(keys_app(), name="keys")
    app.add_typer(budgets_app(), name="budgets")
    app.add_typer(ledger_app(), name="ledger")
    return app


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and leave.", is_eager=True),
) -> None:
    if version:
        from tierwise import __version__

        typer.echo(f"tierwise {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code instead of raising."""
    asked_to_end: list[int] = []
    with _ending_cleanly(asked_to_end):
        try:
            code = _run(arguments)
        except _Terminated:
            code = ENDED
    # SIGTERM can strike where the exception is swallowed or turned into another: it still ends us.
    return _say("stopped", ENDED) if asked_to_end else code


def _run(arguments: Sequence[str] | None) -> int:
    command = typer.main.get_command(build())
    try:
        result = command.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="tierwise",
            standalone_mode=False,
        )
    except TierwiseError as error:
        return _say(str(error), 1)
    except typer.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", 130)
    except BrokenPipeError:
        # Whoever read our output has left; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(f"{error.strerror or error}: {error.filename or 'standard output'}", 1)
    except Exception as error:  # noqa: BLE001 - no traceback ever reaches the user
        return _unforeseen(error)
    return result if isinstance(result, int) else 0


class _Terminated(BaseException):
    """SIGTERM arrived. No Exception, so that nothing on the way answers it."""


@contextmanager
def _ending_cleanly(asked_to_end: list[int]) -> Iterator[None]:
    """Unwind on SIGTERM as on Ctrl-C, so that worker processes end with us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, _: object) -> None:
        asked_to_end.append(number)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _unforeseen(error: Exception) -> int:
    """Usage errors of the parser print themselves; anything else is our fault, said without a traceback."""
    show = getattr(error, "show", None)
    if callable(show):
        show()
        return int(getattr(error, "exit_code", 2))
    if os.environ.get("TIERWISE_DEBUG"):
        raise error
    return _say(f"{type(error).__name__}: {error}\n{ISSUE_HINT}", 1)


def _say(text: str, code: int) -> int:
    typer.echo(f"tierwise: {text}", err=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
