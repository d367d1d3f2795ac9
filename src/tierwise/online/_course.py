"""Driving `Pipeline.follow`, for whoever sends: a blocking client, an asynchronous one, the gateway."""

from __future__ import annotations

from tierwise.calls import Outgoing
from tierwise.online._values import Answer, Asked, Reply
from tierwise.online.pipeline import Pipeline


class Course:
    """One call under way: send `outgoing` and say what came, until there is none; then `answer` is there.

    Args:
        pipeline: What follows the call.
        asked: The call.
    """

    def __init__(self, pipeline: Pipeline, asked: Asked) -> None:
        self._steps = pipeline.follow(asked)
        self._answer: Answer | None = None
        self.outgoing: Outgoing | None = None
        """What is to be sent now; None once there is an answer."""
        try:
            self.outgoing = next(self._steps)
        except StopIteration as done:
            self._answer = done.value

    def came(self, reply: Reply) -> None:
        """Go on with what came back."""
        try:
            self.outgoing = self._steps.send(reply)
        except StopIteration as done:
            self.outgoing, self._answer = None, done.value

    def failed(self, fault: BaseException) -> None:
        """Take down that sending failed. The fault is the caller's to raise."""
        self.outgoing = None
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
