"""Driving `Pipeline.follow`, for whoever sends: a blocking client, an asynchronous one, the gateway."""

from __future__ import annotations

from tierwise.calls import Outgoing
from tierwise.online._defer import Deferred
from tierwise.online._values import Answer, Asked, Look, Reply
from tierwise.online.pipeline import Pipeline


class Course:
    """One call under way: send `outgoing` and say what came, until there is none; then `answer` is there.

    After a stream came, pieces of it may be asked for (`looks`) before there is an answer or something
    else to send; the rest of the stream then goes through the answer's passage, behind what it `held`.

    Args:
        pipeline: What follows the call.
        asked: The call.
    """

    def __init__(self, pipeline: Pipeline, asked: Asked) -> None:
        self._steps = pipeline.follow(asked)
        self._answer: Answer | None = None
        self.outgoing: Outgoing | None = None
        """What is to be sent now; None once there is an answer."""
        self.looks = False
        """Whether a piece of the stream that just came is asked for, before it is known what to do with it."""
        self.deferred: Deferred | None = None
        """What is to be kept now, in place of sending anything."""
        self._go(None)

    def kept(self) -> None:
        """Go on once `deferred` is kept."""
        self._go(None)

    def came(self, reply: Reply) -> None:
        """Go on with what came back."""
        self._go(reply)

    def piece(self, piece: bytes | None) -> None:
        """Go on with a piece of the stream, None at its end; while `looks`."""
        self._go(piece)

    def _go(self, came: Reply | bytes | None) -> None:
        self.outgoing, self.looks, self.deferred = None, False, None
        try:
            asked = self._steps.send(came)
        except StopIteration as done:
            self._answer = done.value
            return
        self.looks = isinstance(asked, Look)
        self.outgoing = asked if isinstance(asked, Outgoing) else None
        self.deferred = asked if isinstance(asked, Deferred) else None

    def failed(self, fault: BaseException) -> None:
        """Take down that sending failed. The fault is the caller's to raise."""
        self.outgoing, self.looks, self.deferred = None, False, None
        try:
            self._steps.throw(fault)
        except BaseException as raised:
            if raised is not fault:
                raise

    @property
    def answer(self) -> Answer:
        """What the caller gets."""
        if self._answer is None:
            raise AssertionError("the call is still under way, or could not be sent")
        return self._answer
