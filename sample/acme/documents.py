"""Texts of the desk workloads: invoices, listings, copy, digests, notes and replies."""

from __future__ import annotations

from random import Random
from typing import Any

from acme import words

_GOODS = (
    "Oak board 28 mm",
    "Felt pads, box of 500",
    "Linen fabric per metre",
    "Steel leg, black",
    "Carton 60x40x40",
)


def _cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def invoice(rng: Random) -> tuple[str, dict[str, Any]]:
    """The scanner's text of an invoice, and its fields."""
    supplier = rng.choice(words.SUPPLIERS)
    number = f"{rng.choice(('RE', 'INV', 'F'))}-{rng.randrange(10_000, 99_999)}"
    dated = words.day(rng)
    order = f"PO{rng.randrange(100_000, 999_999)}" if rng.random() < 0.8 else None
    lines, net = [], 0
    for good in rng.sample(_GOODS, rng.randrange(1, 5)):
        quantity, unit = rng.randrange(2, 120), rng.randrange(90, 9000)
        net += quantity * unit
        row = {"text": good, "quantity": str(quantity)}
        lines.append({**row, "unit_price": _cents(unit), "amount": _cents(quantity * unit)})
    vat = net // 5
    iban = f"AT{rng.randrange(10**17, 10**18)}"
    printed = "\n".join(
        f"{place} {row['text']}   {row['quantity']} x {row['unit_price']}   {row['amount']}"
        for place, row in enumerate(lines, 1)
    )
    text = (
        f"{supplier.upper()}\n{rng.choice(words.CITIES)}\n\nINVOICE {number}\nDate {dated}   {order or ''}\n"
        f"Acme Home Goods, Accounts Payable\n\n{printed}\n\nNet {_cents(net)}\nVAT 20 % {_cents(vat)}\n"
        f"Total EUR {_cents(net + vat)}\nPayable 30 days net. IBAN {iban[:4]} {iban[4:12]} {iban[12:]}\n"
        f"{rng.choice(('', 'PAID', 'Goods remain our property until paid in full.', 'Seite 1 von 1'))}"
    )
    fields = {
        "supplier": supplier,
        "invoice_number": number,
        "invoice_date": dated,
        "due_date": None,
        "currency": "EUR",
        "net": _cents(net),
        "vat": _cents(vat),
        "gross": _cents(net + vat),
        "totals_agree": True,
        "iban": iban,
        "purchase_order": order,
        "lines": lines,
    }
    return text, fields


_OPENERS = (
    "The {n} does one thing and does it for years.",
    "Some pieces ask for attention; the {n} simply works.",
    "Put the {n} where you read, eat or rest, and leave it there.",
    "The {n} comes in {c} and gets along with what you already have.",
)
_CLOSERS = (
    "Made to be repaired: spare parts stay available for ten years.",
    "Wipe it with a damp cloth, and that is all the care it needs.",
    "It arrives with everything you need, down to the last screw.",
    "If it does not suit your room, send it back within thirty days.",
)


def copy_text(rng: Random, name: str, colour: str, material: str, features: list[str]) -> str:
    """A product description."""
    first = rng.choice(_OPENERS).format(n=name, c=colour)
    middle = f"The {material} is left visible, the {colour} tone is calm in daylight and warm in the evening."
    return f"{first} {middle} It is {features[0]}, {features[1]} and {features[2]}. {rng.choice(_CLOSERS)}"


_LIKED = (
    "the colour and the simple assembly",
    "the solid feel and the packaging",
    "the size and how quiet it looks",
)
_DISLIKED = (
    "missing screws",
    "a smell of glue in the first days",
    "wobbling on wooden floors",
    "loose seams",
)
_SUITS = (
    "small flats",
    "families who need something sturdy",
    "anybody who moves often",
    "rooms with little light",
)


def digest_text(rng: Random, name: str) -> str:
    """A summary of reviews."""
    return (
        f"Buyers of the {name} like {rng.choice(_LIKED)}. Several mention {rng.choice(_DISLIKED)}. "
        f"It suits {rng.choice(_SUITS)}.\nThemes: {', '.join(rng.sample(('assembly', 'colour', 'smell', 'stability', 'size', 'seams'), 3))}"
    )


def listing(rng: Random) -> tuple[str, str]:
    """Name and English text of a listing."""
    name = words.product(rng)
    material, colour = rng.choice(words.MATERIALS), rng.choice(words.COLOURS)
    size = f"{rng.randrange(20, 220)} x {rng.randrange(20, 120)} x {rng.randrange(2, 90)} cm"
    features = rng.sample(words.FEATURES, 4)
    return name, (
        f"{name}, {colour}\nMade of {material}. {features[0].capitalize()}, {features[1]}.\n"
        f"Size: {size}. Weight: {rng.randrange(1, 40)}.{rng.randrange(10)} kg.\n"
        f"{features[2].capitalize()}. {features[3].capitalize()}.\nCare: wipe with a damp cloth, no bleach."
    )


_TRANSLATED = {
    "German": "{n}\nGefertigt aus {m}. Zerlegt geliefert, belastbar bis 120 kg.\nGröße: {s} cm.\nPflege: feucht abwischen, nicht bleichen.",
    "French": "{n}\nFabriqué en {m}. Livré à plat, supporte 120 kg.\nDimensions : {s} cm.\nEntretien : chiffon humide, sans javel.",
    "Spanish": "{n}\nHecho de {m}. Entregado desmontado, soporta 120 kg.\nMedidas: {s} cm.\nCuidado: paño húmedo, sin lejía.",
    "Italian": "{n}\nRealizzato in {m}. Spedito smontato, regge 120 kg.\nMisure: {s} cm.\nCura: panno umido, niente candeggina.",
}


_MATERIALS = {
    "German": ("massiver Eiche", "gebürstetem Stahl", "Bambus", "Emaille"),
    "French": ("chêne massif", "acier brossé", "bambou", "émail"),
    "Spanish": ("roble macizo", "acero cepillado", "bambú", "esmalte"),
    "Italian": ("rovere massiccio", "acciaio spazzolato", "bambù", "smalto"),
}


def translated(rng: Random, name: str, language: str) -> str:
    """A listing in another language."""
    size = f"{rng.randrange(20, 220)} x {rng.randrange(20, 120)}"
    return _TRANSLATED[language].format(n=name, m=rng.choice(_MATERIALS[language]), s=size)


NOTES = {
    "delivery": (
        "trace started with the carrier on {d}",
        "last scan in the depot on {d}",
        "new parcel goes out, no charge",
    ),
    "returns": ("label sent by mail", "refund of {e} EUR after arrival", "return window ends on {d}"),
    "damage": ("spare part shipped on {d}", "customer may keep the damaged item", "exchange offered"),
    "billing": ("second charge of {e} EUR refunded on {d}", "invoice corrected", "bank needs three workdays"),
    "other": ("thank them", "passed on to the team lead", "no further action", "reset link sent on {d}"),
}
"""What a colleague noted, by queue; d is a date, e an amount."""

_REPLIES = {
    "en": "Dear {n},\n\nThank you for your message. We have looked into it: {w}. If anything is still open, simply reply to this mail.\n\nKind regards\nCustomer care",
    "de": "Guten Tag {n},\n\nvielen Dank für Ihre Nachricht. Wir haben den Fall geprüft: {w}. Bei Fragen antworten Sie einfach auf diese E-Mail.\n\nFreundliche Grüße\nCustomer care",
    "es": "Hola, {n}:\n\nGracias por escribirnos. Hemos revisado su caso: {w}. Si queda algo pendiente, responda a este correo.\n\nUn saludo\nCustomer care",
    "fr": "Bonjour {n},\n\nMerci pour votre message. Nous avons examiné votre dossier : {w}. Pour toute question, répondez à ce courriel.\n\nCordialement\nCustomer care",
    "ja": "{n}様\n\nお問い合わせありがとうございます。確認いたしました:{w}。ご不明な点はこのメールにご返信ください。\n\nCustomer care",
}
_WORK = {
    "en": (
        "a replacement is on its way",
        "the refund has been started",
        "the carrier is searching for the parcel",
    ),
    "de": ("der Ersatz ist unterwegs", "die Erstattung ist veranlasst", "der Versand sucht das Paket"),
    "es": ("el reemplazo está en camino", "el reembolso está en marcha"),
    "fr": ("le remplacement est en route", "le remboursement est lancé"),
    "ja": ("代替品を発送いたしました", "返金の手続きを始めました"),
}


def email_text(rng: Random, tongue: str, name: str) -> str:
    """A reply to an e-mail, in English where the language has no form here."""
    tongue = tongue if tongue in _REPLIES else "en"
    return _REPLIES[tongue].format(n=name, w=rng.choice(_WORK[tongue]))
