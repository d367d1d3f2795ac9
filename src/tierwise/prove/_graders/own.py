"""The owner's own function as a grader: `module:function`, called with the call and both answers."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tierwise.calls import Request, Response
from tierwise.errors import ConfigurationError, GraderError
from tierwise.prove._score import Reference, Score

_PLACE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """A function of the owner's: `function(request, candidate, reference)` gives a number from 0 to 1.

    It may give a bool or a `Score` too. Made with `own`, which loads it. It runs in this process, with
    all that this process may do: it is the owner's code, named in the owner's file.
    """

    place: str
    """`module:function`."""
    function: Callable[[Request, Response, Reference], Any]

    @property
    def name(self) -> str:
        """`function(call="module:function")`."""
        return f'function(call="{self.place}")'

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:
        """What the function gives.

        Raises:
            GraderError: It raised, or gave no number from 0 to 1; the message names the call.
        """
        call = candidate.id or "without an id"
        try:
            found = self.function(request, candidate, reference)
        except Exception as error:
            # The message of the error may quote the answer; its kind and line do not.
            raise GraderError(
                f"grader {self.place} failed on the answer {call}: {type(error).__name__}{_where(error)}; "
                "make it give a number from 0 to 1 for every answer"
            ) from error
        if isinstance(found, Score):
            return found
        if isinstance(found, bool | int | float) and 0 <= found <= 1:
            return Score(value=float(found))
        given = repr(found) if isinstance(found, bool | int | float) else type(found).__name__
        raise GraderError(
            f"grader {self.place} gave {given:.40} for the answer {call}; expected a number from 0 to 1"
        )


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at line {trace.tb_lineno} of {trace.tb_frame.f_code.co_name}" if trace is not None else ""


def own(call: str) -> Own:
    """Load the function at `call`, which is `module:function`.

    Raises:
        ConfigurationError: No such module or function, or one that cannot take three arguments.
    """
    if not _PLACE.fullmatch(call):
        raise ConfigurationError(f"function: expected module:function, got {call!r:.80}")
    module_name, _, function_name = call.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ConfigurationError(
            f"function: {module_name} cannot be imported: {type(error).__name__}: {error}; "
            "is its folder on PYTHONPATH?"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigurationError(f"function: {module_name} has no function {function_name}")
    _check(call, function)
    return Own(place=call, function=function)


def _check(place: str, function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function):
        raise ConfigurationError(f"function: {place} is asynchronous; expected a plain function")
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError as error:
        raise ConfigurationError(
            f"function: {place} cannot be called with (request, candidate, reference): {error}"
        ) from None
    except ValueError:
        return  # written in C: its signature is not to be had
