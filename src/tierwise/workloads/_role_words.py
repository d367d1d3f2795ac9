"""What instructions and tools say of a call's place among other calls: directs, writes up, or does a part.

Read once for each distinct text. 'sub-agent' sends a call to a cheaper rung, so it takes a phrase
that hardly means anything else: that the reader is a sub-agent, that a planner or lead gave it
this part, that its answer is put together with those of others. To get a task, to work in a
team or to speak of sub-agents is none. 'orchestrator' costs nothing where it is wrong, so looser
phrases tell it, and it wins where both are found, except over who is told to be a sub-agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from tierwise.workloads._types import Role

LOOKED_AT: Final = 4_000
"""Characters of instructions that are read."""

_NEAR = r"[^.\n]{0,70}?"
_WORKERS = (
    r"(?:(?:sub|worker|coder|expert|specialist|research|translator|content|investigator)[- ]?)?agents?|researchers?|workers?"
    r"|specialists?|analysts?|experts?|coworkers?|investigators?|reviewers?|sub-?agents?|teammates?|assistants?"
    r"|reporters?|solvers?|correspondents?|contributors?"
    r"|rechercheure?n?|spezialisten|agenten|agentes|agents sp\w+|sous-agents?|subagentes?|sotto-?agenti|agenti"
    r"|pesquisador(?:es)?|investigador(?:es)?|ricercator[ei]|chercheurs?"
)
_PIECES = (
    r"sub-?questions?|sub-?tasks?|parts?|pieces?|tasks?|chapters?|units?|work ?packages?|workstreams?|simpler questions"
    r"|questions that|steps|sub-?topics?|sub-?goals|sub-?problems|approaches|angles|perspectives"
    r"|teilfragen?|teilaufgaben?|aufgaben?|sous-tâches?|subtareas?|partes?|tarefas?|tareas?|compiti"
)
_SMALL = r"sub-?questions?|sub-?tasks?|sub-?topics?|sub-?problems?|work ?packages?|workstreams?"
"""Pieces that are pieces by their name."""
_BOSS = (
    r"(?:(?:research|group|team|project|lead|trip|crew|main|chief) )?"
    r"(?:planner|orchestrator|coordinator|supervisor|lead(?:er)?|lead agent|parent agent|main agent|chair|architect"
    r"|dispatcher|router|moderator|(?:triage|lead|planner|manager|planning|parent|supervisor|orchestrator) agent|head of [a-z]+)"
)


@cache
def _compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern, for text in lower case: matching without regard to case takes twice as long."""
    return re.compile("|".join(phrases))


def _says(text: str, phrases: tuple[str, ...]) -> bool:
    return _compiled(phrases).search(text) is not None


_SPLITS: Final = (
    rf"\b(?:break|split|divide|decompose|rewrite|list the|zerlege|teile|découpe|divida|scomponi|suddividi)\b{_NEAR}\b(?:{_PIECES})\b",
    (
        rf"\b(?:(?<!the )(?<!a )lead|manag\w+|supervis\w+|coordinat\w+|direct|orchestrat\w+|moderate|leitest|coordonnes)\b{_NEAR}"
        rf"\b(?:team|{_WORKERS}|desk|panel|crew|multi-agent|study|investigation|équipe)\b"
    ),
    (
        rf"\b(?:assign|hand|delegate|delega|delegue|délègue|dispatch|distribute|verteile|übergib|répartis|asigna|pass|give|spawn"
        rf"|start|launch|send|let|involve|consult|choose|decide|route|beauftrage|affida)\b{_NEAR}\b(?:{_WORKERS})\b"
    ),
    r"\b(?:one|an?) (?:assignment|task|instruction|question|brief|job) (?:for|per|to) each\b|\b(?:should|must|is to|has to) each\b",
    r"\bwhat (?:we|one|the team)(?: still)? needs? to (?:know|find out|look up|research)\b",
    r"\b(?:who|work(?:er)?) (?:should|to) act next\b|\bhand (?:it |them |this )?over to the right agent\b",
    rf"\b(?:answered|done|handled|researched|carried out) (?:by|separately by) (?:a |an |another )?(?:separate )?(?:{_WORKERS})\b",
    r"\bwhich (?:specialists|agents|experts)\b|\bwrite one instruction per\b|\bvertei\w+ die aufgaben\b|\brouter of\b",
    r"\byou are the (?:orchestrator|coordinator|planner|supervisor|router|manager)\b|\bdu bist der (?:koordinator|planer)\b",
    (
        r"\btu es l['’]orchestrateur\b|\beres el (?:coordinador|orquestador)\b|\bvocê é o (?:orquestrador|coordenador)\b"
        r"|\bsei (?:il coordinatore|l['’]orchestratore)\b"
    ),
    (
        r"\byou are an? (?:[\w-]+ ){0,3}?(?:(?:research|task|query|search|report|strateg\w+|action) plann(?:er|ing)|planning (?:agent|assistant"
        r"|expert)|planner(?: agent)?[.,]|research lead|lead research(?:er)?|supervisor agent|team supervisor|orchestrator)\b"
    ),
    r"\b(?:set|list|number|several|multiple|[2-9]|1\d|three|five)\b[^.\n]{0,20}\b(?:web )?search(?:es\b| queries| terms)",
    r"\b(?:original|overall|current) plan was\b|\bupdate (?:your|the) plan\b|\bdelegation (?:to|of)\b",
    r"\bstep[- ]by[- ]step plan\b[^\n]{0,60}\b(?:individual|each|sub-?)|\bplan (?:of|with|for) (?:the )?(?:sub-?tasks|steps to be executed)\b",
    r"拆分|分解|派发|委派|分配给|サブタスクに分|하위 작업으로",
)
_RESULTS = (
    r"findings|results?|answers?|notes|memos?|opinions?|reports?|outputs?|work|diffs|contributions?|chapters|units|context|briefings?"
    r"|found|copy|views?|solutions?|drafts?|proposals?|votes?|pieces|summaries|responses|analyses|perspectives"
    r"|ergebnisse|beiträge|résultats|réponses|resultados|respuestas|respostas|risultati"
)
_OF_OTHERS = (
    rf"(?:{_WORKERS})['’]?s?|team['’]s|several|partial|sub-?questions|sub-?tasks|workstream|specialists['’]|der spezialisten"
    r"|the [a-z]{3,20}, the [a-z]{3,20},? and the [a-z]{3,20}"
)
_JOINS: Final = (
    (
        r"\b(?:combin\w+|merg\w+|synthesi[sz]e|consolidate|aggregate|compile|assemble|join|put together|bring together|summari[sz]e"
        r"|weigh|reconcile|turn|write|draft|review|fasse|führe|rédige|rassemble|combina|redacta|reúna|unisci)\b[^\n]{0,110}?"
        rf"(?:\b(?:{_OF_OTHERS})\b[^.\n]{{0,40}}\b(?:{_RESULTS})\b|\b(?:{_RESULTS})\b[^.\n]{{0,50}}\b(?:{_OF_OTHERS}))"
    ),
    rf"\b(?:from|of|with|using|based on|given|below are)\b[^.\n]{{0,40}}\b(?:{_RESULTS})\b[^.\n]{{0,60}}\b(?:{_OF_OTHERS})\b",
    rf"\b(?:from|using|with|based on|given|out of)\b[^.\n]{{0,30}}\b(?:{_OF_OTHERS})\b[^.\n]{{0,20}}\b(?:{_RESULTS})\b",
    r"\b(?:assemble|join)\b[^.\n]{0,70}?\b(?:units|chapters|parts)\b|\bpartial answers\b|\bsub-answers\b",
    r"\b(?:à partir des|aus den|a partir de los|a partir das|dai) [^.\n]{0,20}(?:résultats|réponses|ergebnissen|resultados|respostas|risultati)\b",
    r"\byou are the (?:aggregator|synthesi[sz]er|editor) of\b",
    r"\bsynthesi[sz](?:e|ing)\b[^.\n]{0,60}\b(?:responses|outputs|findings|results|answers|perspectives|analyses|notes)\b",
    (
        rf"\b(?:{_RESULTS}) (?:[\w-]+ ){{0,3}}?(?:from|by|of) (?:[\w-]+ ){{0,4}}?(?:models|agents|experts|workers|assistants|analysts|researchers|solvers"
        r"|reviewers|specialists)\b"
    ),
    r"\b(?:research|work|analys[ie]s|draft|investigation)\b[^.\n]{0,20} (?:done|conducted|prepared|collected|gathered|carried out) by\b",
    r"\bbased on (?:all |all of )?the (?:[\w-]+ )?(?:research|findings|investigations?) (?:conducted|gathered|collected|done|so far)\b",
    r"\bsintetiz\w+ (?:as|los|las|os) [^.\n]{0,30}(?:perspe\w+|respuestas|respostas|resultados|análises)\b",
)
_IS_ONE: Final = (
    (
        r"\b(?:you are|you['’]re|act as|du bist|sie sind|tu es|vous êtes|eres|usted es|você é|sei|lei è|je bent|jesteś|sen bir|ты|вы|ти|ви"
        r"|kamu adalah|anda adalah|bạn là) (?:an? |one of (?:the|several) |ein |un |een |jeden z |một )?(?:[\w-]+ ){0,4}?"
        r"(?:sub-?agents?|sub agent|worker[- ]agents?|unteragent|teilagent|sous-agent|subagente|sub-agente|sottoagente|sotto-agente|podagent\w*"
        r"|alt ajan\w*|субагент|подагент|підагент|subagen|agent con)\b(?! (?:orchestrat|coordinat|manag|supervis))"
    ),
    (
        r"(?:你是|您是)[^。\n]{0,12}(?:子代理|子智能体)|あなたは[^。\n]{0,12}サブエージェント|(?:당신은|너는)[^.\n]{0,12}(?:하위|서브) ?에이전트"
        r"|أنت وكيل فرعي"
    ),
)
_GIVEN = r"(?:gave|has given|gives|hands?|handed|has handed|assigns?|assigned|pass(?:es|ed)|sent|sends|delegated|puts?|asks?|asked)"
_WORK = r"(?:task|question|part|assignment|share|piece|job|case|objective|topic|instructions?|contribution|hypothesis|aspect|section)"
_DONE = r"(?:answer|research|solve|complete|carry out|work on|handle|given|get|receive|implement|do)"
_DOES_PART: Final = (
    # One part of what is larger.
    rf"\b(?:one|a|single) (?:of (?:several|many|the) )?(?:part|piece|aspect|branch|share|{_SMALL})s? of an? (?:larger|bigger|wider|overall)\b",
    rf"\b{_DONE} (?:only |just )?(?:one |one of several |the following |this |your |a |a single |the )(?:{_SMALL})\b",
    rf"\b(?:{_SMALL}) (?:that )?(?:you (?:were|are|have been|get|got)|assigned to you|given to you|handed to you|described below)\b",
    rf"\b(?:one|a single) (?:{_SMALL}) of an?\b|\bthat another agent (?:designed|planned|split|started|drew)\b",
    r"\b(?:chapter|part|unit|share|piece|section|hypothesis) (?:that )?you (?:were|have been) (?:passed|handed|assigned|allotted)\b",
    r"\bone (?:hypothesis|part|question|aspect) (?:that )?you were given\b",
    # From whom it comes.
    rf"\b{_WORK}\b(?: (?:that|which))? ?(?:the|your|a|an) {_BOSS} {_GIVEN}(?: to)? you\b",
    rf"\b(?:assigned|handed|given|passed|sent|delegated|provided) (?:to you |you )by (?:the|your|an?) {_BOSS}\b",
    rf"\b(?:the|your) {_BOSS} {_GIVEN} you (?:this|the|one|a|the following) {_WORK}\b",
    rf"\b{_WORK} (?:provided|assigned|delegated|given) by (?:the|your|an?) {_BOSS}\b|\bhanded this (?:case|task) by (?:the|an?) {_BOSS}\b",
    rf"\b{_WORK} you (?:got|received|were given|get|receive) (?:from|by) (?:the|your) {_BOSS}\b|\b(?:consulted|called) by the {_BOSS}\b",
    (
        rf"\b(?:in|on|as part of|member of) an? [\w -]{{0,25}}(?:team|review|panel|desk|crew|system) (?:run|led|directed|chaired|coordinated)"
        rf" by an? {_BOSS}\b"
    ),
    r"\b(?:called|consulted|spawned|invoked) by (?:an|another|the (?:planner|lead|main|parent)) agent\b",
    r"\byour (?:coworker|colleague), the [a-z ]{0,20}(?:manager|lead|planner|coordinator|supervisor),? (?:asked|needs|asks)\b",
    # What becomes of its answer.
    rf"\breport (?:[\w ]{{0,25}} )?back to (?:the|your) {_BOSS}\b",
    r"\bto (?:the|your) (?:orchestrator|lead agent|parent agent|supervisor agent|planner agent|main agent)\b",
    r"\byour \w+ (?:will be|are|is) (?:merged|combined|put together|joined) with (?:those|that|the \w+) of (?:the )?other",
    r"\banother (?:step|agent) will (?:combine|merge|join|collect|synthesi[sz]e|use) (?:your|it)\b",
    (
        r"\b(?:consumed|used|read|combined|merged) by (?:someone|an agent|another agent|the agent|the step) (?:who |that |which )?(?:is )?"
        r"(?:synthesi|combin|merg)"
    ),
    r"\bleave the (?:overall |final )?(?:conclusion|answer|synthesis) to (?:the )?others?\b",
    (
        r"\bone of (?:two|three|four|five|six|several|many) (?:parallel |independent )?(?!support|service|sales|human|customer)(?:\w+ )?"
        r"(?:agents|workers|researchers|solvers|sub-?agents|coders)\b"
    ),
    r"\bone of (?:two|three|four|five|several) \w+ on a (?:panel|jury)\b|\btasked with executing step\b",
    # The same in other languages.
    r"\beine teilfrage\b|\bnur diese teil(?:frage|aufgabe)\b|\bteilaufgabe\b[^.\n]{0,30}\b(?:zugewiesen|übertragen)\b|\ban die leitung zurück\b",
    r"\b(?:die|das|den) dir (?:der|die) (?:koordinator\w*|leit\w+|planer\w*|orchestrator)\b",
    r"\b(?:sous-tâche|partie)\b[^.\n]{0,20}\bconfiée?\b|\bt['’]a été confiée?\b",
    (
        r"\b(?:subtarea|parte) que (?:te (?:dieron|dio|asign\w+|toc\w+)|recebeu|recibiste)\b"
        r"|\bque (?:recebeu|te dio|te asignó) (?:do|el|la) (?:coordina\w+|orque\w+|planific\w+)\b"
    ),
    r"\b(?:compito|parte) (?:che ti è stat[oa] )?affidat[oa]\b",
)
_LAST_WORD: Final = (
    (
        r"\b(?:write|compose|produce|give|prepare|draft|formulate|deliver|make) (?:the|a|one) (?:final|finished|complete|overall|concluding)"
        r" (?:answer|report|response|summary|article|version|recommendation|reply|decision)\b"
    ),
)
"""To write what goes to whoever asked is no sub-agent's, whoever it was told by."""
_OWN_ANSWER: Final = (
    r"\b(?:combine|merge|join)d? your\b|\byour (?:answer|notes|results?|report|findings) (?:will be|are|is) (?:merged|combined|joined|put together)\b",
    r"\b(?:do not|don['’]t|never) (?:answer|draw|write) the (?:larger|whole|overall|final)\b|\bconsumed by someone\b",
)
"""Told of its own answer, so that talk of putting answers together is about others' work."""
_AGENTS: Final = (
    r"\bsub-?agents?\b|\bunteragent\w*|\bsous-agents?\b|\bsubagentes?\b|\bsottoagent[ei]\b|子代理|子智能体|субагент|サブエージェント|서브 ?에이전트",
)
_HANDS_ON: Final = (
    r"(?:^|[_.-])(?:sub)?agents?(?:$|[_.-])|^(?:spawn|delegate|delegar|deleguer|handoff|hand_to|transfer_to|pass_to)(?:$|[_.-])",
    r"(?:researcher|worker|analyst|coworker|expert|investigator|specialist|coder|subagent)s?$",
)


def told_role(instructions: str, tools: Iterable[str] = ()) -> Role:
    """The role that instructions and the names of tools tell; 'unknown' where they do not.

    Args:
        instructions: The first `LOOKED_AT` characters are read.
        tools: Names; to have agents, workers or a hand-off among them is to hand work on.
    """
    text = instructions[:LOOKED_AT].lower()
    if _says(text, _IS_ONE):
        return "sub-agent"
    if any(_says(name.lower(), _HANDS_ON) for name in tools):
        return "orchestrator"
    part = _says(text, _DOES_PART)
    if _says(text, _SPLITS) or _says(text, _AGENTS):
        return "orchestrator"
    if _says(text, _JOINS) and not (part and _says(text, _OWN_ANSWER)):
        return "orchestrator"
    if part and _says(text, _LAST_WORD) and not _says(text, _OWN_ANSWER):
        return "orchestrator"
    return "sub-agent" if part else "unknown"
