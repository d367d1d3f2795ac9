"""What makes an answer good, for each task: a few sentences that the judge is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tierwise.workloads import Task

RUBRICS: Final[Mapping[Task, str]] = {
    "classification": "The better answer names the category that fits the material, in the form that was asked for. Explanations that nobody asked for make an answer worse.",
    "extraction": "The better answer has every value that was asked for, exactly as the material has it, and none that the material does not have. A value left empty where the material has none is right.",
    "summarization": "The better answer keeps what matters in the material, says nothing that is not in it, and keeps to the length and form asked for.",
    "translation": "The better answer says what the original says, no more and no less, reads naturally in the language asked for, and keeps names, numbers and markup.",
    "transformation": "The better answer makes the change that was asked for and no other: all content is kept, the new form is correct.",
    "labeling": "The better answer gives the labels that the guidelines call for, all of them and no others, in the form asked for.",
    "content filtering": "The better answer applies the stated rules to the material as they stand: it lets pass what they allow and stops what they forbid.",
    "chat": "The better answer is correct, answers what was asked, respects the instructions and suits the conversation. Longer is not better.",
    "tool call": "The better answer calls the tools that the request needs, with arguments that are right and complete, and none that it does not need.",
    "sub-agent step": "The better answer is the step that brings the stated goal nearer: the right action with the right inputs, nothing done twice, nothing invented.",
    "research": "The better answer is supported by the material given, covers the question, says what is uncertain and does not invent sources.",
    "document generation": "The better answer meets the brief in content, structure, length and tone, and states no facts that the brief does not have.",
    "structured analysis": "The better answer follows the structure asked for, its findings follow from the material, and its reasons hold.",
    "financial modeling": "The better answer has the right figures, from the right inputs by the right method, with units and signs correct. A wrong result outweighs good prose.",
    "coding": "The better answer does what was asked, would run as it stands, handles the cases named and changes nothing else.",
    "computer use": "The better answer is the action that fits the state of the screen and the goal, on the right element, with no needless or risky step.",
    "reasoning": "The better answer reaches the right conclusion by steps that hold. A wrong conclusion outweighs good prose.",
    "planning": "The better answer reaches the goal within the constraints named, in an order that can be carried out, with nothing essential left out.",
    "unknown": "The better answer is correct, does what the instructions ask, in the form they ask for, and adds nothing that was not asked for.",
}  # fmt: skip
"""By task; every task has one."""
