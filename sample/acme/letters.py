"""What customers write, in eight languages: tickets, chat turns, reviews."""

from __future__ import annotations

from random import Random

from acme import words

QUEUES = ("delivery", "returns", "damage", "billing", "account", "product", "cancellation", "other")

TICKETS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        ("delivery", "My order {o} with the {p} was promised for {d} and the tracking has not moved since."),
        (
            "delivery",
            "The courier says he left {o} with a neighbour. None of my neighbours has it. I was at home.",
        ),
        (
            "returns",
            "I would like to send back the {p} from order {o}, the colour looks nothing like the picture.",
        ),
        ("returns", "How do I return one of two items? Order {o}, I only want to keep the {p}."),
        ("damage", "The {p} arrived on {d} with a crack right across it. Order {o}, photos attached."),
        ("billing", "I was charged {e} EUR twice for {o} on {d}. Please refund one of the payments."),
        (
            "billing",
            "Could you issue the invoice for {o} to my company instead? The VAT number is in my profile.",
        ),
        ("account", "I cannot sign in any more, the reset mail never arrives. My last order was {o}."),
        ("product", "Is the {p} suitable for a bathroom without a window? And is it sold in {c}?"),
        ("cancellation", "Please cancel {o}, I ordered the {p} by mistake a few minutes ago."),
        ("other", "Just wanted to say the lady who helped me with {o} was wonderful. No reply needed."),
    ),
    "de": (
        (
            "delivery",
            "Meine Bestellung {o} sollte am {d} kommen, seitdem gibt es keine Bewegung in der Sendungsverfolgung.",
        ),
        ("returns", "Ich möchte den Artikel {p} aus {o} zurückgeben, er passt farblich leider gar nicht."),
        ("damage", "Der Artikel {p} kam am {d} mit einem tiefen Kratzer an. Bestellnummer {o}, Fotos anbei."),
        ("billing", "Für {o} wurden {e} EUR doppelt abgebucht. Bitte um Rückerstattung."),
        (
            "account",
            "Ich kann mich seit {d} nicht mehr anmelden, das Passwort lässt sich nicht zurücksetzen.",
        ),
        ("cancellation", "Bitte stornieren Sie {o}, ich habe versehentlich doppelt bestellt."),
        ("product", "Gibt es {p} auch in der Farbe {c}, und wie schwer ist es?"),
    ),
    "es": (
        ("delivery", "Mi pedido {o} tenía que llegar el {d} y todavía no sé nada de él."),
        ("returns", "Quiero devolver {p} del pedido {o}; no encaja en mi salón."),
        ("damage", "Abrí la caja de {p} y estaba roto por una esquina. Pedido {o}."),
        ("billing", "Me han cobrado {e} EUR dos veces por el pedido {o}."),
        ("account", "No puedo entrar en mi cuenta desde el {d}; el correo para cambiar la clave no llega."),
    ),
    "fr": (
        ("delivery", "Ma commande {o} devait arriver le {d} et le suivi n'a pas bougé depuis."),
        ("returns", "Je souhaite renvoyer {p} de la commande {o}, la taille ne convient pas."),
        ("damage", "{p} est arrivé cassé le {d}, commande {o}. Que dois-je faire ?"),
        ("billing", "Vous m'avez prélevé {e} EUR deux fois pour la commande {o}."),
    ),
    "it": (
        ("delivery", "Il mio ordine {o} doveva arrivare il {d}, ma il corriere non si è mai visto."),
        ("returns", "Vorrei restituire {p} dell'ordine {o}, il colore non è quello della foto."),
        ("damage", "Ho ricevuto {p} con un piede rotto. Numero d'ordine {o}."),
    ),
    "nl": (
        ("delivery", "Mijn bestelling {o} zou op {d} komen, maar er is nog niets bezorgd."),
        ("damage", "De {p} kwam beschadigd aan, bestelling {o}. Kan ik een nieuwe krijgen?"),
        ("returns", "Ik wil de {p} uit bestelling {o} graag terugsturen."),
    ),
    "pl": (
        ("delivery", "Moje zamówienie {o} miało dotrzeć {d}, a status się nie zmienia."),
        ("billing", "Za zamówienie {o} pobrano {e} EUR dwa razy. Proszę o zwrot."),
        ("returns", "Chcę zwrócić {p} z zamówienia {o}, kolor nie pasuje."),
    ),
    "ja": (
        ("delivery", "注文番号{o}の{p}が{d}に届く予定でしたが、まだ届いていません。状況を教えてください。"),
        ("damage", "{d}に届いた{p}に傷がありました。注文番号は{o}です。交換できますか。"),
        ("returns", "注文{o}の{p}を返品したいのですが、手続きを教えてください。"),
    ),
}
"""Language to (queue, text) pairs; o order, p product, d date, e amount, c colour."""

ASIDES = {
    "en": (
        "This is the second time I write about it.", "I would be grateful for a quick answer.",
        "I am away from Thursday, so please use my mobile.", "I have been a customer for years.",
        "The box itself looked fine from outside.", "I paid by card.", "It was meant as a gift.",
    ),
    "de": ("Ich bitte um eine kurze Rückmeldung.", "Es war als Geschenk gedacht.", "Ich habe schon zweimal angerufen."),
    "es": ("Espero su respuesta.", "Era un regalo.", "Ya llamé dos veces."),
    "fr": ("Merci de me répondre rapidement.", "C'était un cadeau.", "J'ai déjà appelé deux fois."),
    "it": ("Attendo una risposta.", "Era un regalo."),
    "nl": ("Graag een snelle reactie.", "Het was een cadeau."),
    "pl": ("Proszę o szybką odpowiedź.", "To był prezent."),
    "ja": ("よろしくお願いします。", "贈り物の予定でした。"),
}  # fmt: skip

SHARES = (("en", 46), ("de", 18), ("es", 9), ("fr", 8), ("it", 5), ("nl", 5), ("pl", 4), ("ja", 5))

REVIEWS = {
    "en": (
        "Looks better than in the photos, the {c} is exactly right.", "One screw was missing, support sent it in two days.",
        "Wobbles on a wooden floor, I had to add felt.", "Easy to assemble, took me a quarter of an hour.",
        "Smelled of glue for a week.", "Third one we buy, never a problem.", "The box was torn but nothing was broken.",
        "For {e} euros I expected better seams.", "Arrived a week late, product itself is lovely.",
        "Instructions are only pictures, step 7 is wrong.", "The cat approves.", "Scratched after a month of normal use.",
    ),
    "de": (
        "Sehr solide, die Farbe {c} gefällt uns gut.", "Eine Schraube fehlte, Ersatz kam nach drei Tagen.",
        "Wackelt etwas auf Parkett.", "Für {e} Euro in Ordnung.", "Riecht am Anfang stark nach Kleber.",
    ),
    "es": ("Bonito y fácil de montar.", "Llegó tarde, pero bien embalado.", "La pata izquierda baila un poco."),
    "ja": ("思ったより大きいですが、色がきれいです。", "組み立ては簡単でした。", "ネジが一本足りませんでした。"),
}  # fmt: skip


def language(rng: Random) -> str:
    """A language by its share of the mail."""
    return rng.choices([name for name, _ in SHARES], [share for _, share in SHARES])[0]


def ticket(rng: Random, tongue: str | None = None) -> tuple[str, str, str]:
    """One ticket: language, queue it belongs to, text."""
    tongue = tongue or language(rng)
    queue, form = rng.choice(TICKETS[tongue])
    text = form.format(
        o=words.order(rng),
        p=words.product(rng),
        d=words.day(rng),
        e=words.euros(rng),
        c=rng.choice(words.COLOURS),
    )
    asides = rng.sample(ASIDES[tongue], rng.randrange(0, 3))
    joint = "" if tongue == "ja" else " "
    name = words.person(rng)
    return tongue, queue, joint.join([text, *asides]) + f"\n{name}"


def review(rng: Random) -> str:
    """One line of a customer review with stars."""
    tongue = rng.choice(("en", "en", "en", "de", "de", "es", "ja"))
    said = rng.sample(REVIEWS[tongue], rng.randrange(1, 3))
    text = " ".join(said).format(c=rng.choice(words.COLOURS), e=rng.randrange(19, 400))
    return f"{rng.randrange(1, 6)}/5 ({words.day(rng)}): {text}"
