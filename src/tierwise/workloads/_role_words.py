"""What instructions and tools say of a call's place among other calls: directs, writes up, or does a part.

Read once for each distinct text. Three things are looked for: that work is split and handed on,
that the answers of others are put together, and that one part of something larger is done for
somebody. Where both are found, the one that directs wins, for taking it for a sub-agent would
send it to a cheaper rung; except where it is told what becomes of its own answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tierwise.workloads._types import Role

LOOKED_AT: Final = 4_000
"""Characters of instructions that are read."""

_WORKERS = (
    r"(?:(?:sub|worker|coder|expert|specialist|research|translator|content|investigator)[- ]?)?agents?|researchers?|workers?"
    r"|specialists?|analysts?|experts?|coworkers?|investigators?|reviewers?|sub-?agents?|teammates?|assistants"
    r"|rechercheure?n?|spezialisten|agenten|agentes|agents sp\w+|sous-agents?|subagentes?|sotto-?agenti|agenti"
)
_PIECES = (
    r"sub-?questions?|sub-?tasks?|parts?|pieces?|tasks?|chapters?|units?|work ?packages?|workstreams?|simpler questions"
    r"|questions that|steps|teilfragen?|teilaufgaben?|aufgaben?|sous-tâches?|subtareas?|partes?|tarefas?|tareas?"
)
_NEAR = r"[^.\n]{0,70}?"

_SPLITS: Final = re.compile(
    rf"\b(?:break|split|divide|decompose|rewrite|list the|zerlege|teile|découpe|divide|divida|scomponi)\b{_NEAR}\b(?:{_PIECES})\b"
    rf"|\b(?:(?<!the )lead|manag\w+|supervis\w+|coordinat\w+|direct|orchestrat\w+|moderate|leitest|coordonnes|router of)\b{_NEAR}"
    rf"\b(?:team|{_WORKERS}|desk|panel|crew|multi-agent|study|investigation|équipe)\b"
    rf"|\b(?:assign|hand|delegate|delega|delegue|délègue|dispatch|distribute|verteile|übergib|répartis|asigna|pass|give|spawn"
    rf"|start|launch|send|let|involve|consult|choose|decide|route)\b{_NEAR}\b(?:{_WORKERS})\b"
    r"|\bwho should act next\b|\bhand (?:it |them |this )?over to the right agent\b"
    rf"|\b(?:answered|done|handled|researched|carried out) (?:by|separately by) (?:a |an |another )?(?:separate )?(?:{_WORKERS})\b"
    r"|\bwhich (?:specialists|agents|experts)\b|\bwrite one instruction per\b|\bvertei\w+ die aufgaben\b"
    r"|\byou are the (?:orchestrator|coordinator|planner|supervisor|router|manager)\b|\bdu bist der (?:koordinator|planer)\b"
    r"|\btu es l['’]orchestrateur\b|\beres el (?:coordinador|orquestador)\b|\bvocê é o (?:orquestrador|coordenador)\b",
    re.IGNORECASE,
)
_RESULTS = (
    r"findings|results?|answers?|notes|memos?|opinions?|reports?|outputs?|work|diffs|contributions?|chapters|units|context"
    r"|briefings?|found|ergebnisse|beiträge|résultats|réponses|resultados|respuestas|respostas|risultati"
)
_OF_OTHERS = rf"(?:{_WORKERS})['’]?s?|team['’]s|several|partial|sub-?questions|workstream|specialists['’]|der spezialisten"
_JOINS: Final = re.compile(
    rf"\b(?:combin\w+|merg\w+|synthesi[sz]e|consolidate|aggregate|compile|assemble|join|put together|bring together|summari[sz]e"
    rf"|turn|write|draft|review|fasse|führe|rédige|rassemble|combina|redacta|reúna|unisci)\b[^\n]{{0,110}}?"
    rf"(?:\b(?:{_OF_OTHERS})\b[^.\n]{{0,40}}\b(?:{_RESULTS})\b|\b(?:{_RESULTS})\b[^.\n]{{0,50}}\b(?:{_OF_OTHERS}))"
    rf"|\b(?:from|of|with|using|based on|given|below are)\b[^.\n]{{0,40}}\b(?:{_RESULTS})\b[^.\n]{{0,60}}\b(?:{_OF_OTHERS})\b"
    rf"|\b(?:assemble|join)\b{_NEAR}\b(?:units|chapters|parts)\b"
    r"|\b(?:à partir des|aus den|a partir de los|dai) [^.\n]{0,20}(?:résultats|réponses|ergebnissen|resultados|risultati)\b"
    r"|\byou are the (?:aggregator|synthesi[sz]er|editor) of\b|\bpartial answers\b",
    re.IGNORECASE,
)
_DOES_PART: Final = re.compile(
    rf"\byou (?:get|got|receive|run|are given|were given|have been given|were handed|were passed|were assigned)\b[^.\n]{{0,40}}"
    rf"\b(?:one|a part|a single|part|the) ?(?:of )?[^.\n]{{0,30}}\b(?:{_PIECES}|hypothesis|assignment|case)\b"
    rf"|\b(?:{_PIECES}|hypothesis|chapter|case|question)\b[^.\n]{{0,25}}\b(?:assigned|given|put|passed|handed) to you\b"
    rf"|\b(?:{_PIECES}|hypothesis|chapter|case)\b (?:that )?you (?:were|have been|are) (?:assigned|handed|passed|given)\b"
    r"|\b(?:was|were|been) handed this (?:case|task)\b"
    r"|\bhas given you\b|\bthe following sub-?(?:question|task)\b|\bone of (?:several|many|three|the) [^.\n]{0,20}(?:agents|workers|researchers)\b"
    r"|\b(?:sub-?agent|worker agent|subagente|sous-agent|unteragent|sottoagente)\b"
    rf"|\b(?:in|as part of|member of) a (?:team|panel|multi-agent system)\b|\b(?:called|consulted|spawned|run|designed) by (?:a|an|the|another)\b"
    r"|\breport (?:it )?back\b|\bback to the (?:lead|planner|coordinator|orchestrator|supervisor|parent)\b"
    r"|\b(?:only|just) the (?:work ?package|sub-?task|sub-?question|part|chapter|unit|workstream)\b|\bin your (?:group|part|share)\b"
    r"|\bfrom the [a-z ]{0,15}(?:planner|lead|coordinator|orchestrator|supervisor|router)\b|\byour coworker, the\b|\bfor the lead\b"
    r"|\bdo not answer the (?:larger|whole|overall)\b|\b(?:the )?scope of your\b"
    r"|\bteilfrage\b|\bteilaufgabe\b|\bsous-tâche confiée\b|\bt['’]a été confiée?\b|\bsubtarea que te\b|\bparte que (?:recebeu|te)\b",
    re.IGNORECASE,
)
_OWN_ANSWER: Final = re.compile(
    r"\b(?:another (?:step|agent)|the (?:lead|coordinator|planner|supervisor)) will\b|\byour (?:answer|notes|results?|report|findings|memo) "
    r"(?:will|is|are)\b|\b(?:combine|merge)d? your\b|\bthe (?:larger|whole|overall) question\b",
    re.IGNORECASE,
)
_HANDS_ON: Final = re.compile(
    r"(?:^|[_.-])(?:sub)?agents?(?:$|[_.-])|^(?:spawn|delegate|delegar|deleguer|handoff|hand_to|transfer_to|pass_to)(?:$|[_.-])"
    r"|(?:researcher|worker|analyst|coworker|expert|investigator|specialist|coder|subagent)s?$",
    re.IGNORECASE,
)


def told_role(instructions: str, tools: Iterable[str] = ()) -> Role:
    """The role that instructions and the names of tools tell; 'unknown' where they do not."""
    text = instructions[:LOOKED_AT]
    part = _DOES_PART.search(text) is not None
    if part and _OWN_ANSWER.search(text) is not None:
        return "sub-agent"
    if any(_HANDS_ON.search(name) for name in tools):
        return "orchestrator"
    if _JOINS.search(text) is not None or _SPLITS.search(text) is not None:
        return "orchestrator"
    return "sub-agent" if part else "unknown"
