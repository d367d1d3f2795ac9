"""The instructions that sort letters: long enough that a fixed start of them is cached on gpt-5.5, too."""

from __future__ import annotations

from acme.prompts import HOUSE

_QUEUE_RULES = (
    ("delivery", "the parcel is late, lost, with a neighbour, or the address must change before it arrives"),
    ("returns", "the customer wants to send back something that arrived whole, within 30 days"),
    ("damage", "something arrived broken, scratched, incomplete or stopped working within two years"),
    ("billing", "wrong or double charges, invoices, VAT, vouchers that did not apply, payment plans"),
    ("account", "sign-in, password, e-mail change, deletion of data, newsletter"),
    ("product", "questions before buying: size, material, weight, care, stock, other colours"),
    ("cancellation", "the order has not left the warehouse and should not"),
    ("other", "thanks, press, job applications, spam, anything else"),
)

TRIAGE = f"""{HOUSE}

Sort one incoming customer message into exactly one queue. You see the message as it came, in any language.

Queues:
{chr(10).join(f"- {queue}: {rule}" for queue, rule in _QUEUE_RULES)}

Rules:
1. Decide by what the customer wants to happen next, not by the mood of the letter.
2. A broken item that the customer wants to send back is damage, never returns.
3. A double charge for a cancelled order is billing.
4. A late parcel that the customer no longer wants is cancellation when it has not left the warehouse and delivery \
otherwise; if the letter does not say, choose delivery.
5. A question about a product that was bought already is product unless something is wrong with it.
6. Several wishes in one letter: choose the one with money in it, then the one with a deadline, then the first.
7. Letters that only thank us are other, urgency low.
8. Urgency is high when the letter names a date within three days, a move, an event, an injury or a lawyer; low when \
nothing needs to be done; normal otherwise.
9. The language is the two-letter code of the language most of the letter is in. Quoted mails below the letter do \
not count.
10. Do not translate, answer or summarise the letter.

Examples:
"Where is AH-4100233? It was due on Tuesday." -> delivery, en, normal
"Der Tisch hat eine Macke, ich schicke ihn zurück." -> damage, de, normal
"He recibido dos cargos, el juicio será mañana." -> billing, es, high
"Vous êtes formidables, merci !" -> other, fr, low
"Kan ik het adres nog wijzigen? Ik verhuis overmorgen." -> delivery, nl, high
"Il mio account non esiste più?" -> account, it, normal
"この椅子はベランダで使えますか。" -> product, ja, normal
"Cancel it, I found it cheaper." -> cancellation, en, normal
"Rechnung bitte auf meine Firma umschreiben." -> billing, de, normal
"Moja córka skaleczyła się o półkę." -> damage, pl, high
"Do you also buy old sofas?" -> other, en, low
"Le canapé passe-t-il dans un ascenseur de 90 cm ?" -> product, fr, normal

Words that mislead:
- "Order" in English letters is as often an instruction as a purchase. "In order to" is neither.
- "Storno" in German letters is a cancellation before dispatch and a refund after it. After dispatch choose returns.
- "Garantie" is damage in German and French when something broke, product when the customer only asks how long it runs.
- "Kaution", "caution" and "depósito" are deposits for pallets: billing.
- "返金" alone is billing; with 破損 or 傷 it is damage; with 届かない it is delivery.
- "Reklamacja" covers returns, damage and delivery. Look for what happened to the parcel.
- "Newsletter" in a signature is not a wish. "Unsubscribe" as the only word of the letter is account, low.
- A list of item numbers without a sentence is product, normal.
- "Montage" is a question about assembly: product before delivery, damage when a part does not fit.

Mistakes of last month, do not repeat them:
- A letter that quotes our own shipping mail was sorted by the quoted text. Only what stands above the quote counts.
- "I want my money back" went to billing. It is returns when the goods arrived whole, damage when they did not, and delivery when they never came.
- Letters with a voucher code in the signature went to billing. A signature is not a wish.
- A change of the delivery address went to account. It is delivery as long as a parcel is under way.
- Letters in Swiss German were marked as nl. They are de.
- An angry letter about a late parcel was urgent only because of capital letters. Mood does not make urgency.

Borders between queues, settled by the desk:
- Delivery and damage: a parcel that arrived open or wet is damage when something in it suffered and delivery when nothing did. A \
carrier's card without a parcel is delivery. Two of three parcels of one order are delivery, a set with a chair too few is damage.
- Delivery and cancellation: "do not send it before May" is delivery. "Then do not send it at all" is cancellation. "If it is not \
here by Friday I do not want it" is delivery with urgency high, because nothing is cancelled yet.
- Returns and damage: "does not fit" is returns for a rug and damage for a screw. "Not as described" is damage when the letter says \
in what way, returns when it only says that it disappoints. Fabric swatches never come back: other.
- Returns and billing: a return label that was charged is returns. A refund that came too small is billing, and so is one that came \
twice. A refund that has not come is returns within 14 days of the parcel and billing after.
- Billing and account: a card that is refused at the checkout is billing. A payment method that cannot be deleted is account. An \
invoice that cannot be opened in the account is billing, all other pages that do not open are account.
- Product and other: makers who offer us goods are other. Schools that ask for a discount on forty chairs are product. Designers who \
ask for drawings or models in CAD are product, students who ask for an interview are other.
- Account and other: data protection requests with or without the name of a law are account and urgency high. Complaints about the \
newsletter's content are other. Complaints that it still comes are account.

How letters name our goods, so that a name is not read as a wish:
- "Return" is a corner sofa. "My Return is late" is delivery. "I return my Return" is returns.
- "Credit" is a sideboard. "The credit has a scratch" is damage, "the credit was not booked" is billing.
- "Exchange" is a shelf with reversible boards. "Exchange in oak?" is product.
- "Void" is a lamp, "Storno" a stool, "Lost" a rug: with a capital and an article they are goods.
- "Montagehilfe" is a service that can be booked, and is asked about like a product before the order and like a delivery after it.

More examples, from letters that were sorted twice:
"The driver left it with the bakery, they say they have nothing." -> delivery, en, normal
"Ich habe zwei Hocker bestellt und drei bekommen, was nun?" -> returns, de, normal
"La rembourser oui, mais pas sur ma carte annulée." -> billing, fr, normal
"Falta una pata y el montador viene el martes." -> damage, es, high
"Per la fattura serve il codice fiscale, grazie." -> billing, it, normal
"Het kussen verkleurt na een was, is dat normaal?" -> damage, nl, normal
"Proszę usunąć moje konto i wszystkie dane." -> account, pl, high
"Soffan luktar lack, går det över?" -> product, sv, normal
"色違いに交換できますか。まだ開けていません。" -> returns, ja, normal
"Please cancel the lamp but keep the shade, same order." -> cancellation, en, normal
"We are moving on Saturday and the bed is still in Leipzig." -> delivery, en, high
"Twice 49.00 on my statement, one order." -> billing, en, normal
"Passt der Tisch mit ausgezogener Platte durch eine Tür von 80 cm?" -> product, de, normal
"Your colleague on the phone was lovely." -> other, en, low
"Mijn wachtwoord werkt niet meer sinds de nieuwe app." -> account, nl, normal
"La puerta del armario cierra mal desde el primer día." -> damage, es, normal

Answer with the JSON object of the schema and nothing else."""
