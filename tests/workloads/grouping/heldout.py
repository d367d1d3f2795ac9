"""Templates that were written before tuning and not looked at while tuning."""

# ruff: noqa: C408  (fields by keyword read best)

GLOBEX = (
    "You are part of the assistant of Globex, a maker of kitchen machines. Be brief and correct.\n"
    "Do not discuss competitors.\nWrite in plain language.\n"
)
ENTITY_SCHEMA = (
    '{"type":"json_schema","name":"entities","schema":{"type":"object","properties":{'
    '"people":{"type":"array","items":{"type":"string"}},"places":{"type":"array","items":{"type":"string"}}}}}'
)

TEMPLATES = [
    dict(
        name="globex-moderate",
        calls=140,
        instructions=GLOBEX + "Decide whether the comment breaks the community rules. Answer yes or no.",
        user="{message}",
    ),
    dict(
        name="globex-recipe",
        calls=70,
        instructions=GLOBEX + "Suggest a recipe that can be made with the machine named by the user.",
        user="{product} and {words:3}",
    ),
    dict(
        name="globex-manual",
        calls=45,
        instructions=GLOBEX + "Explain the step of the manual that the user asks about.",
        user="{message}",
    ),
    dict(
        name="globex-warranty",
        calls=20,
        instructions=GLOBEX + "Say whether the warranty covers the damage, and why.",
        user="{message}",
    ),
    dict(
        name="globex-survey",
        calls=10,
        instructions=GLOBEX + "Turn the survey answer into one of ten themes.",
        user="{message}",
    ),
    dict(
        name="coach",
        calls=120,
        instructions="You are a fitness coach. You speak with {first}, who lives in {city}.\n"
        "Age: {number}\nKeep answers encouraging.\nAsk one question at a time.\nNever give medical advice.",
        user="{message}",
        turns=5,
    ),
    dict(
        name="meeting-notes",
        calls=60,
        instructions="Write minutes of the meeting held on {day} in {city}.\nList decisions, then open points.\n"
        "Name who does what by when.",
        user="{name}: {passage:3}\n{name}: {passage:3}",
    ),
    dict(
        name="log-triage",
        calls=80,
        instructions="[{iso}] request {uuid}\nYou read error logs of a web service and name the likely cause.\n"
        "Give the cause first, then the evidence.",
        user="{iso} ERROR {words:5} {uuid}",
    ),
    dict(
        name="log-summary",
        calls=55,
        instructions="[{iso}] request {uuid}\nYou read error logs of a web service and write a weekly summary.\n"
        "Group errors by module.",
        user="{iso} ERROR {words:5} {uuid}",
    ),
    dict(
        name="fr-courriel",
        calls=60,
        instructions="Tu rédiges des réponses aux courriels des clients d'une boutique en ligne.\n"
        "Client : {name}\nDate : {iso}\nReste courtois et propose toujours une solution.",
        user="{message:fr}",
    ),
    dict(
        name="fr-resume",
        calls=35,
        instructions="Tu résumes des courriels de clients d'une boutique en ligne en une phrase.\n"
        "N'ajoute aucune opinion.",
        user="{message:fr}",
    ),
    dict(
        name="rag-documents",
        calls=120,
        instructions="You help lawyers find clauses.\n<documents>\n<document>{passage:6}</document>\n"
        "<document>{passage:4}</document>\n</documents>\nCite the document by its number.",
        user="{message}",
    ),
    dict(
        name="rag-policy",
        calls=100,
        instructions="Context:\n{passage:7}\n\nAnswer as the travel desk of a company. Use the context above.\n"
        "Mention the limit per night.",
        user="{message}",
    ),
    dict(
        name="rag-memory",
        calls=90,
        instructions="You are a companion who remembers earlier talks.\nWhat you remember:\n{popular:2}\n\n"
        "Speak warmly. Use what you remember only when it helps.",
        user="{message}",
    ),
    dict(
        name="shots-inline",
        calls=80,
        instructions="Correct spelling and grammar. Keep the meaning.\nExamples of corrections:\n{shots:2}\n"
        "Return the corrected text only.",
        user="{message}",
    ),
    dict(
        name="letters",
        calls=90,
        instructions="You draft letters for a property manager.\n?Add a reminder of the house rules.\n"
        "Use the formal address.\n?The tenant is behind with the rent; ask for a payment plan.\n"
        "One page at most.\n?Enclose a payment slip.",
        user="{name}, flat {number}: {message}",
    ),
    dict(
        name="user-sql",
        calls=80,
        instructions="",
        user="Write a SQL query that returns the {words:2} for every {words:1} with more than {number} rows.",
    ),
    dict(
        name="user-subject",
        calls=70,
        instructions="",
        user="Generate a subject line for this email:\n\n{message} {message}\n\n{name}",
    ),
    dict(
        name="user-review",
        calls=60,
        instructions="",
        user='The customer {name} wrote: "{message}"\nIs the review about delivery, quality or price? One word.',
    ),
    dict(
        name="user-rewrite",
        calls=50,
        instructions="You are a helpful assistant.",
        user="Rewrite the paragraph below so that a child of ten understands it.\n\n{passage:5}",
    ),
    dict(
        name="user-title",
        calls=40,
        instructions="You are a helpful assistant.",
        user="Give the article below a title of at most eight words.\n\n{passage:8}",
    ),
    dict(
        name="helper-chat",
        calls=150,
        instructions="You are the friendly helper of a gardening forum.",
        user="{message}",
        turns=3,
    ),
    dict(
        name="browser-agent",
        calls=100,
        instructions="You operate a browser to complete the task of the user.\nTask id: {uuid}\nStop when the goal is met.",
        user="{message}",
        tools=("open_page", "click", "type_text", "read_page"),
        turns=4,
    ),
    dict(
        name="data-agent",
        calls=80,
        instructions="You answer questions about sales with the tools. Show the query you used.",
        user="{message}",
        tools=("run_query", "list_tables", "plot", "export_file"),
        extra_tools=("forecast",),
    ),
    dict(
        name="entities",
        calls=60,
        instructions="Extract people and places from the text.",
        user="{name} met {name} in {city}. {passage:2}",
        schema=ENTITY_SCHEMA,
        endpoint="responses",
    ),
    dict(
        name="ru-otvet",
        calls=50,
        instructions="Ты — оператор поддержки интернет-магазина.\nОтвечай вежливо и по делу.\nИмя клиента: {name}\n"
        "Не обещай возврат денег.",
        user="{message:ru}",
    ),
    dict(
        name="ko-bunryu",
        calls=45,
        instructions="당신은 쇼핑몰 고객 문의를 분류하는 담당자입니다.\n환불, 배송, 품질, 기타 중 하나로만 답하세요.",
        user="{message:ko}",
    ),
    dict(
        name="pt-conversa",
        calls=55,
        instructions="Você é atendente de uma loja de móveis. O cliente se chama {name}.\nResponda em português do Brasil.\n"
        "Não prometa prazos.",
        user="{message:pt}",
        turns=3,
    ),
]
