"""Traces that are not all a planner, three researchers and a writer: told step by step.

Two halves, written together before the rules met either; SEEN was looked at afterwards, UNSEEN not.
Labels: 'orchestrator' for who plans, splits or writes up; 'sub-agent' for who does a part;
'single' for the only agent of a trace; 'plain' for a step of a pipeline without a team, of which
any role is right but 'sub-agent'.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LEAD, SUB, ONE, PLAIN = "orchestrator", "sub-agent", "single", "plain"


class Turn(NamedTuple):
    """One step of a scene; parents name earlier spans."""

    label: str
    """'' for a step that calls no model."""
    span: str
    parent: str | None = None
    told: str = ""
    says: str = ""
    tools: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    """Outputs of tools that the prompt already holds."""
    name: str | None = None
    agent: str | None = None
    """As `metadata.agent`."""
    history: tuple[str, ...] = ()
    """Earlier turns of a chat, the user's first."""
    lasts: float = 0.8
    """In steps: beyond 1, the next step of the scene begins before this one has ended."""


def step(span: str, parent: str | None = None, name: str | None = None) -> Turn:
    """An agent, chain or tool span."""
    return Turn("", span, parent, name=name)


QUESTION = "Should we replace the two delivery vans next year?"
PARTS = ("What do repairs of the old vans cost?", "What would electric vans cost?", "Which grants are there?")
FOUND = tuple(f"{part} About 14,000 a year, by the figures of the last three years." for part in PARTS)
BRIEF = "\n\n".join((QUESTION, *FOUND))
CHAT = (
    "Where is my order?",
    "It left the warehouse on Monday.",
    "And the second parcel?",
    "It follows on Friday.",
)
HELP = "You answer customers of a shop for lamps. Be friendly and brief."


def team(
    planner: str,
    parts: tuple[str, str, str],
    writer: str,
    *,
    tools: tuple[str, ...] = (),
    own: tuple[str, ...] = (),
    names: tuple[str, str, str] = ("", "", ""),
    agents: tuple[str, str, str] = ("", "", ""),
    under: str = "call",
) -> list[Turn]:
    """A planner, three workers and a writer; `under` says what stands above workers and writer.

    Below one call the workers run one after the other, as a loop has them, else at once.
    """
    root = [] if under == "call" else [step("run", name="run")]
    top = None if under == "call" else "run"
    turns = [*root]
    lasts = 0.8 if under == "call" else 6.5

    def above(span: str) -> str | None:
        if under == "call":
            return "plan" if span != "plan" else None
        if under == "nodes":
            turns.append(step(f"node {span}", "run", span))
            return f"node {span}"
        return top

    turns.append(
        Turn(
            LEAD,
            "plan",
            above("plan"),
            planner,
            QUESTION,
            tools,
            name=names[0] or None,
            agent=agents[0] or None,
        )
    )
    for number, told in enumerate(parts):
        span = f"part {number}"
        turns.append(
            Turn(
                SUB,
                span,
                above(span),
                told,
                PARTS[number],
                own,
                name=names[1] or None,
                agent=agents[1] or None,
                lasts=lasts - 2 * number if lasts > 1 else lasts,
            )
        )
    turns.append(
        Turn(LEAD, "write", above("write"), writer, BRIEF, name=names[2] or None, agent=agents[2] or None)
    )
    return turns


def chain(*told: str, label: str = PLAIN, name: str | None = None) -> list[Turn]:
    """Steps one after the other, each below the one before."""
    return [
        Turn(label, str(number), str(number - 1) if number else None, words, QUESTION, name=name)
        for number, words in enumerate(told)
    ]


def chat(turns: int, *, told: str = HELP, linked: bool, tools: tuple[str, ...] = ()) -> list[Turn]:
    """A chat of one agent; `linked` where each turn names the one before as its parent."""
    return [
        Turn(
            ONE,
            str(n),
            str(n - 1) if linked and n else None,
            told,
            "Thanks. Anything else?",
            tools,
            history=CHAT * n,
        )
        for n in range(turns)
    ]


SEEN: dict[str, list[Turn]] = {
    "newsroom": team(
        "You plan stories for a trade paper. For the idea below choose three angles and return one assignment for each "
        "reporter as JSON.",
        (
            "Report the economic side of the assignment. Send the editor 200 words with sources.",
            "Report what people in the trade say. Send the editor 200 words with quotes.",
            "Report the legal side of the assignment. Send the editor 200 words, naming the articles of law.",
        ),
        "Write the story for the front page from the copy that the reporters have sent in.",
        own=("archive_search",),
        under="nodes",
        names=("plan", "report", "compose"),
    ),
    "help chat, linked": chat(4, linked=True),
    "help chat, loose": chat(
        3, linked=False, told="Help users of the time sheet. Ask when something is unclear."
    ),
    "lone": [Turn(ONE, "a", None, "Classify the mail as order, complaint or other.", "My lamp is broken.")],
    "rewrite then answer": chain(
        "Rewrite the user's question as a search query. Return only the query.",
        "Answer the question from the passages. Say so if they do not hold the answer.",
    ),
    "draft, rate, redraft": chain(
        "Draft a product text of 80 words for the shop.",
        "Rate the draft from 1 to 10 and name what to improve.",
        "Draft a product text of 80 words for the shop.",
    ),
    "two levels": [
        Turn(
            LEAD,
            "chief",
            None,
            "You are the chief of staff. Divide the project among the department heads and delegate "
            "each share to one of them.",
            QUESTION,
            ("assign_to_head",),
        ),
        Turn(
            LEAD,
            "head",
            "chief",
            "You head a department. Split your share into tasks for your specialists and pass each on.",
            PARTS[0],
            ("assign_to_specialist",),
        ),
        Turn(
            SUB,
            "one",
            "head",
            "You are a specialist. Carry out the task that your head of department gave you.",
            PARTS[0],
            ("lookup",),
        ),
        Turn(
            SUB,
            "two",
            "head",
            "You are a specialist. Carry out the task that your head of department gave you.",
            PARTS[1],
            ("lookup",),
        ),
        Turn(
            LEAD,
            "head 2",
            "chief",
            "You head a department. Split your share into tasks for your specialists and pass each on.",
            PARTS[0],
            ("assign_to_specialist",),
            FOUND[:2],
        ),
        Turn(
            LEAD,
            "chief 2",
            None,
            "You are the chief of staff. Divide the project among the department heads and delegate "
            "each share to one of them.",
            QUESTION,
            ("assign_to_head",),
            FOUND[:1],
        ),
    ],
    "bare prompts": team(
        "Decide what we need to know to answer the question. Return a list of questions.",
        ("Answer the question using search. Give sources.",) * 3,
        "Write the answer for the customer using the material below.",
        own=("search",),
    ),
    "named in metadata": team(
        "Work out which facts are missing and list them.",
        ("Find the fact. Quote the page.",) * 3,
        "Answer the customer's question from the facts.",
        agents=("planner", "researcher-subagent", "synthesizer"),
        under="flat",
    ),
    "portuguese": team(
        "Você coordena uma equipe de pesquisa. Divida o pedido em três partes e delegue cada uma a um pesquisador.",
        ("Você é pesquisador da equipe. Responda apenas à parte que recebeu do coordenador, com fontes.",)
        * 3,
        "Reúna as respostas dos pesquisadores em um relatório único para o cliente.",
        tools=("delegar",),
        own=("buscar",),
    ),
    "specialists": team(
        "You chair a review of purchases. Say what the buyer, the engineer and the accountant should each look into.",
        (
            "You are the buyer in a purchase review led by a chair. Give your view of offers and terms of delivery.",
            "You are the engineer in a purchase review led by a chair. Give your view of range, load and charging.",
            "You are the accountant in a purchase review led by a chair. Give your view of cost over eight years.",
        ),
        "You chair a review of purchases. Weigh the views of the buyer, the engineer and the accountant and recommend.",
    ),
    "solvers and a judge": [
        step("run"),
        *(
            Turn(
                SUB,
                f"solve {n}",
                "run",
                "You are one of three solvers working independently. Solve the task; a judge will "
                "pick the best solution.",
                QUESTION,
            )
            for n in range(3)
        ),
        Turn(
            LEAD,
            "judge",
            "run",
            "You are given three solutions by different solvers. Choose the best and say why.",
            BRIEF,
        ),
    ],
    "an agent with tools": [
        step("agent", name="shopping agent"),
        *(
            Turn(
                ONE,
                str(n),
                "agent",
                "You help people shop for lamps. Use the tools.",
                QUESTION,
                ("find_lamp", "stock"),
                FOUND[:n],
            )
            for n in range(3)
        ),
    ],
}

UNSEEN: dict[str, list[Turn]] = {
    "audit committee": team(
        "Du planst Prüfungen. Überlege, welche drei Prüffelder der Fall hat, und beauftrage für jedes einen Prüfer.",
        (
            "Du bist Prüfer. Bearbeite nur das Prüffeld, mit dem du beauftragt wurdest, und liefere deine Feststellungen ab.",
        )
        * 3,
        "Schreibe den Prüfbericht aus den Feststellungen der Prüfer.",
        tools=("beauftrage_pruefer",),
        own=("belege",),
    ),
    "tutor chat, linked": chat(
        3, linked=True, told="You tutor pupils in algebra. Give hints, never the solution."
    ),
    "ticket chat, loose": chat(
        4, linked=False, told="You file tickets for the IT desk.", tools=("file_ticket",)
    ),
    "lone with tools": [
        Turn(ONE, "a", None, "Tell the weather for the city asked for.", "Oslo?", ("weather",))
    ],
    "extract, check, format": chain(
        "Extract supplier, date and total from the invoice as JSON.",
        "Check the extracted values against the invoice. Correct what is wrong.",
        "Format the values as one line of CSV.",
    ),
    "translate then polish": chain(
        "Translate the manual into French.", "Polish the French text. Keep units and part numbers."
    ),
    "two levels of agents": [
        step("run"),
        Turn(
            LEAD,
            "plan",
            "run",
            "You run a research programme. Start a group for each theme and wait for their reports.",
            QUESTION,
            ("start_group",),
        ),
        step("tool", "run", "start_group"),
        step("group", "tool", "group"),
        Turn(
            LEAD,
            "group plan",
            "group",
            "You lead one research group. Hand single questions to your assistants.",
            PARTS[0],
            ("ask_assistant",),
        ),
        step("tool 2", "group", "ask_assistant"),
        step("assistant", "tool 2", "assistant"),
        Turn(
            SUB,
            "a1",
            "assistant",
            "You are a research assistant. Answer the single question your group leader hands you.",
            PARTS[0],
            ("library",),
        ),
        Turn(
            SUB,
            "a2",
            "assistant",
            "You are a research assistant. Answer the single question your group leader hands you.",
            PARTS[0],
            ("library",),
            FOUND[:1],
        ),
        Turn(
            LEAD,
            "group plan 2",
            "group",
            "You lead one research group. Hand single questions to your assistants.",
            PARTS[0],
            ("ask_assistant",),
            FOUND[:1],
        ),
        Turn(
            LEAD,
            "plan 2",
            "run",
            "You run a research programme. Start a group for each theme and wait for their reports.",
            QUESTION,
            ("start_group",),
            FOUND[:1],
        ),
    ],
    "short prompts": team(
        "List at most three things to find out before the question can be answered.",
        ("Find it out. Be brief and give the page you took it from.",) * 3,
        "Now answer the question, given everything found out.",
        own=("browse",),
        under="nodes",
        names=("outline", "find", "answer"),
    ),
    "agents in metadata": team(
        "Think about what has to be looked up for the case and write a list.",
        ("Look it up in the case files.",) * 3,
        "Write the opinion on the case.",
        agents=("Lead Planner", "lookup_worker_agent", "final_writer"),
    ),
    "italian": team(
        "Sei il coordinatore. Suddividi la richiesta in tre compiti e affida ciascuno a un ricercatore.",
        ("Sei un ricercatore. Svolgi solo il compito affidato dal coordinatore e riporta i risultati.",) * 3,
        "Componi la relazione finale dai risultati dei ricercatori.",
        tools=("affida",),
        own=("cerca",),
    ),
    "three offices": team(
        "You prepare decisions of the board. Ask the legal office, the finance office and the works office for what the "
        "board needs to know.",
        (
            "You are the legal office. The board's secretary asks you for a contribution to a paper; write it.",
            "You are the finance office. The board's secretary asks you for a contribution to a paper; write it.",
            "You are the works office. The board's secretary asks you for a contribution to a paper; write it.",
        ),
        "Make one paper for the board out of the contributions of the three offices.",
        tools=("ask_office",),
        under="call",
    ),
    "voters": [
        Turn(
            SUB,
            "v1",
            None,
            "You are one of three reviewers on a panel. Vote yes or no on the proposal and give a reason.",
            QUESTION,
        ),
        Turn(
            SUB,
            "v2",
            None,
            "You are one of three reviewers on a panel. Vote yes or no on the proposal and give a reason.",
            QUESTION,
        ),
        Turn(
            SUB,
            "v3",
            None,
            "You are one of three reviewers on a panel. Vote yes or no on the proposal and give a reason.",
            QUESTION,
        ),
        Turn(LEAD, "count", None, "Read the votes of the reviewers and write the panel's decision.", BRIEF),
    ],
    "a coder with tools": [
        step("agent", name="coder"),
        *(
            Turn(
                ONE,
                str(n),
                "agent",
                "You fix bugs in the repository. Run the tests before you finish.",
                QUESTION,
                ("read_file", "edit_file", "run_tests"),
                FOUND[:n],
            )
            for n in range(4)
        ),
    ],
}

HALVES: dict[str, dict[str, list[Any]]] = {"SEEN": SEEN, "UNSEEN": UNSEEN}
