"""What varies inside a template, masked: dates, ids, numbers, addresses, quoted text, values.

Names and retrieved text cannot be told from one text alone; `_learn` finds those offline.
Every pattern is linear, or is held linear by `MOST`.
"""

# ruff: noqa: SIM905  (lists of words read best as text)

from __future__ import annotations

import re

MASK = "¤"
"""Stands for whatever was masked; one character, so that masking never lengthens a text."""
MOST = 2_000
"""Characters of a segment that are looked at; the rest does not count."""

WIDE_COLON = "\uff1a"
"""The colon of Chinese and Japanese text."""
_TRIGGER = re.compile(r"""[\d@"“„«「『:\uff1a=‘']|www\.""")
_ATOMS = re.compile(
    r"""
    (?:https?://|www\.)[^\s<>"'“”¤]+            # addresses on the web
    | (?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+   # mail
    | (?<![A-Za-z0-9+/])[A-Za-z0-9+/]{32,}={0,2}    # long runs without a space: base64, tokens
    # numbers, ids, hex, mixes of digits and letters, with capitals before a hyphen: AB-1234
    | (?<![A-Za-z0-9_])(?:[A-Z]{1,8}[-_/]){0,3}[A-Za-z_]*[0-9][A-Za-z0-9_]*
    | \d+                                           # digits of other scripts
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(
    r""" "([^"\n]*)" | “([^”\n]*)” | „([^“”\n]*)[“”] | «([^»\n]*)» | 「([^」\n]*)」 | 『([^』\n]*)』
    | ‘([^’\n]*)’ | (?<!\w)'([^'\n]+)'(?!\w) """,
    re.VERBOSE,
)
_WORD_LIKE = re.compile(r"[a-z_][a-z_-]{0,23}(?: [a-z_-]{1,23})?")
"""A quoted label such as "positive": part of the template, not a value."""

_CALENDAR_WORDS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun "
    "januar februar märz mai juni juli oktober dezember "
    "montag dienstag mittwoch donnerstag freitag samstag sonntag "
    "janvier février mars avril juin juillet août septembre octobre novembre décembre "
    "lundi mardi mercredi jeudi vendredi samedi dimanche "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
    "lunes martes miércoles jueves viernes sábado domingo "
    "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro "
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre "
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
_CALENDAR = frozenset(_CALENDAR_WORDS.split())
_JOINED = re.compile(
    rf"""
    {MASK}(?:[\ .,:/+()_–—-]{{0,3}}{MASK})+       # '5/3/2026', '+1 (555) 1234'
    | {MASK}\ ?(?:[ap]\.m\.|(?:[ap]m|utc|gmt|z|h|uhr)\b)   # '5 pm'
    | {MASK}[年月日时時分秒년월일시분초]
    | [$€£¥%#+]{MASK} | {MASK}\ ?[$€£¥%]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN = frozenset(("", ",", ".", "of", "de", "di", "the", "den", "le", "el", "al", "del"))

_VALUE_LABELS = frozenset(
    """
    name username user customer client account date today today's time now timezone location city country
    address email mail phone telephone id order ticket session invoice reference ref case url link query
    question input text message subject document passage context content title product review article
    transcript conversation history data source snippet q a number birthday age balance plan sku
    language locale tone audience region channel company brand store sprache tonfall idioma tono langue ton lingua
    kunde kundin kundenname kundennummer nutzer benutzer datum heute uhrzeit ort adresse frage eingabe nachricht
    bestellung bestellnummer betreff kontext produkt bewertung rechnung
    nombre usuario cliente fecha hoy hora ciudad dirección pregunta entrada texto mensaje pedido asunto
    contexto producto reseña documento
    nom utilisateur heure ville adresse texte commande sujet contexte produit avis
    nome utente data oggi domanda testo messaggio ordine contesto prodotto usuário hoje pergunta mensagem produto
    имя пользователь клиент дата сегодня вопрос текст сообщение заказ контекст товар документ
    用户 姓名 用户名 客户 日期 时间 问题 输入 文本 订单 订单号 上下文 产品 评论 文档 今天
    ユーザー 名前 お客様 日付 時刻 質問 入力 テキスト 注文 注文番号 文脈 商品 レビュー 文書 今日
    사용자 이름 고객 날짜 시간 질문 입력 텍스트 주문 주문번호 문맥 상품 리뷰 문서 오늘
    """.split()
)
"""Words of a label ('Customer name:') whose value belongs to the call, not to the template."""

_GERMAN = frozenset("und ist nicht eine einen für mit bist dem auf der das wird werden".split())


def mask(text: str) -> str:
    """`text` with what varies replaced by `MASK`; at most `MOST` characters of it are kept.

    Masking twice is masking once. Never raises.
    """
    text = text[:MOST]
    if MASK not in text and _TRIGGER.search(text) is None:
        return text
    while True:
        masked = _QUOTED.sub(_quoted, _ATOMS.sub(MASK, text))
        if MASK in masked:
            masked = _JOINED.sub(MASK, _without_calendar(masked))
        masked = _without_value(masked)
        if masked == text:
            return masked
        text = masked


def _without_calendar(text: str) -> str:
    """Names of months and days masked where they stand beside something masked."""
    if _CALENDAR.isdisjoint(_WORD.findall(text.lower())):
        return text
    words = text.split(" ")
    dated = [MASK in word for word in words]
    named = [word.strip(".,;()").lower() in _CALENDAR for word in words]
    for order in (range(len(words)), range(len(words) - 1, -1, -1)):
        near = False
        for at in order:
            if named[at] and near:
                dated[at] = True
                words[at] = MASK
            near = dated[at] or (near and words[at].strip(".,").lower() in _BETWEEN)
    return " ".join(words)


def _quoted(found: re.Match[str]) -> str:
    inside = found[found.lastindex or 0]
    return found[0] if _WORD_LIKE.fullmatch(inside) or not inside else MASK


def label_of(text: str) -> str | None:
    """The label of a line such as 'Customer name: ...' with its colon, None where there is none."""
    head = text[:64]
    at = head.find(":")
    if at < 0:
        at = head.find(WIDE_COLON)
    if at < 1 or text.startswith("//", at + 1) or not text[at + 1 :].strip():
        return None
    label = head[: at + 1]
    return label if label.count(" ") <= 4 else None


def _without_value(text: str) -> str:
    label = label_of(text)
    if label is None:
        return text
    words = label[:-1].lower().replace("*", " ").replace("_", " ").split()
    return f"{label} {MASK}" if not _VALUE_LABELS.isdisjoint(words) else text


def loosen(masked: str) -> str:
    """A looser form of masked text, equal for segments that differ in names or in a label's value.

    Capitalised words inside the text, everything quoted, and whatever follows a label are
    masked; not where an article or a list shows a title or a label ('the Billing Agent',
    'Urgent or Normal'). German capitalises every noun, so capitals say nothing there.
    """
    label = label_of(masked)
    if label is not None:
        return label + MASK
    loose = _QUOTED.sub(MASK, masked)
    if loose[1:].islower():
        return " ".join(loose.split())
    words = loose.split()
    if not _GERMAN.isdisjoint(words):
        return " ".join(words)
    kept = words[:1]
    title = False
    for at, word in enumerate(words[1:], 1):
        if not (word[0].isupper() and word[1:2].islower()):
            title = False
            kept.append(word)
        elif title or _is_title(words, at):
            title = True
            kept.append(word)
        elif kept[-1] != MASK:
            kept.append(MASK)
    return " ".join(kept)


def _is_title(words: list[str], at: int) -> bool:
    """Whether a capitalised word does not stand as a name does: an article before it, a list around it."""
    before, after = words[at - 1], words[at + 1 : at + 2]
    return (
        before.lower() in _ARTICLES
        or before in _LISTING
        or words[at][-1] in ",/|"
        or (bool(after) and after[0] in _LISTING)
    )


_ARTICLES = frozenset(
    ("the", "a", "an", "our", "your", "el", "la", "le", "un", "una", "une", "o", "os", "il", "lo")
)
_LISTING = frozenset(("or", "and", "ou", "y", "e", "et", "o", "и", "или"))
