"""Seeded fillings for the slots of templates: names, dates, ids, messages, passages."""

# ruff: noqa: SIM905  (lists of words read best as text)

from __future__ import annotations

import random
from datetime import datetime, timedelta

FIRST = (
    "Anna Ben Chloe Daniel Elif Farid Greta Hiro Ines Jonas Karim Lena Marco Nadia Oleg Priya Quentin Rosa "
    "Samir Tilda Umar Vera Wanda Ximena Yusuf Zoe"
).split()
LAST = (
    "Albers Bianchi Costa Dubois Eriksen Fischer Gruber Haddad Ivanova Jensen Kaya Lopez Meier Novak".split()
)
CITIES = "Lisbon Hamburg Lyon Kraków Osaka Austin Izmir Recife Hanoi Turin Leeds Malmö".split()
LANGUAGES = "French German Spanish Japanese Polish Turkish Korean Italian".split()
TONES = "friendly formal playful concise warm confident".split()
PRODUCTS = (
    "oak side table|Linen Duvet Cover|ceramic mug set|Walnut Bookshelf|floor lamp|garden hose 20 m|steel kettle|"
    "Wool Rug 160x230|standing desk|kids' bunk bed|espresso grinder|bamboo cutting board|shower caddy|door mat"
).split("|")
NOUNS = (
    "delivery invoice warranty account table lamp password refund parcel screw manual subscription colour size "
    "store receipt courier pickup voucher return battery shelf cushion heater"
).split()
VERBS = "broke arrived vanished changed failed stopped worked leaked wobbled faded jammed matched".split()
STARTS = (
    "Hi|Hello, I have a question.|I ordered last week and|Can you tell me why|The|My|Honestly,|Yesterday|"
    "We bought this in spring and|Could you please check whether|How do I|Thanks, but|Why does|Is it normal that"
).split("|")
OPINIONS = "great terrible fine disappointing sturdy cheap lovely late overpriced perfect flimsy".split()

FOREIGN = {
    "de": "Die Lieferung|Der Tisch|Meine Rechnung|Das Paket|Die Lampe|wackelt seit gestern|ist nicht angekommen|"
    "war beschädigt|gefällt mir sehr|kostet zu viel|und ich möchte eine Rückerstattung|bitte um Antwort",
    "fr": "La livraison|Ma commande|Le canapé|La facture|est en retard|est arrivé cassé|me plaît beaucoup|"
    "ne correspond pas|et je voudrais un remboursement|merci de répondre",
    "es": "El pedido|La lámpara|Mi factura|El paquete|llegó roto|no funciona|me encanta|tarda demasiado|"
    "y quiero una devolución|gracias por su ayuda",
    "ja": "注文した商品が|配送が|請求書が|ランプが|まだ届きません|壊れていました|とても気に入りました|間違っています|"
    "返金をお願いします|確認してください",
    "zh": "我的订单|这张桌子|发票|包裹|还没有收到|坏了|质量很好|价格太高|请尽快处理|我想退货",
    "pt": "O pedido|A mesa|Minha fatura|A entrega|chegou quebrado|não funciona|está atrasada|é muito boa|"
    "e quero reembolso|obrigado",
    "ru": "Мой заказ|Посылка|Лампа|Счёт|не пришёл|сломалась|мне понравилась|задерживается|прошу вернуть деньги|спасибо",
    "ko": "주문한 상품이|배송이|청구서가|램프가|아직 도착하지 않았습니다|고장났습니다|마음에 듭니다|늦어지고 있습니다|"
    "환불해 주세요|확인 부탁드립니다",
    "it": "Il pacco|La lampada|La fattura|Il tavolo|è arrivato rotto|non funziona|mi piace molto|è in ritardo|"
    "e vorrei un rimborso|grazie",
}


class Filler:
    """Fills slots by name; every value comes from the seed."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def fill(self, slot: str) -> str:
        name, _, argument = slot.partition(":")
        return str(getattr(self, f"_{name}")(argument) if argument else getattr(self, f"_{name}")())

    def _of(self, values: object) -> str:
        return self.random.choice(list(values))  # type: ignore[call-overload]  # any sequence of str

    def _first(self) -> str:
        return self._of(FIRST)

    def _name(self) -> str:
        return f"{self._of(FIRST)} {self._of(LAST)}"

    def _city(self) -> str:
        return self._of(CITIES)

    def _language(self) -> str:
        return self._of(LANGUAGES)

    def _tone(self) -> str:
        return self._of(TONES)

    def _product(self) -> str:
        return self._of(PRODUCTS)

    def _number(self) -> str:
        return str(self.random.randint(1, 9_999))

    def _money(self) -> str:
        return f"${self.random.randint(5, 900)}.{self.random.randint(0, 99):02}"

    def _order(self) -> str:
        return f"{self._of('ABCXK')}{self._of('RTZ')}-{self.random.randint(10_000, 999_999)}"

    def _uuid(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _email(self) -> str:
        return f"{self._of(FIRST).lower()}.{self._of(LAST).lower()}@example.{self._of(('com', 'org'))}"

    def _moment(self) -> datetime:
        return datetime(2026, 11, 1) + timedelta(minutes=self.random.randint(0, 40_000))  # noqa: DTZ001  (a plain date)

    def _iso(self) -> str:
        return self._moment().isoformat() + "Z"

    def _day(self) -> str:
        return self._moment().strftime("%A, %B %d, %Y")

    def _german_day(self) -> str:
        return f"{self.random.randint(1, 28)}. November 2026"

    def _message(self, language: str = "en") -> str:
        return " ".join(self._clause(language) for _ in range(self.random.randint(1, 3)))

    def _clause(self, language: str) -> str:
        if language != "en":
            pieces = FOREIGN[language].split("|")
            spaces = "" if language in {"ja", "zh"} else " "
            return spaces.join(self.random.sample(pieces, 3)) + ("。" if not spaces else ".")
        return (
            f"{self._of(STARTS)} the {self._of(NOUNS)} {self._of(VERBS)} {self._of(('after', 'before', 'with'))} "
            f"the {self._of(NOUNS)}, which is {self._of(OPINIONS)}{self._of('.?!')}"
        )

    def _words(self, count: str) -> str:
        return " ".join(self._of(NOUNS) for _ in range(int(count)))

    def _passage(self, sentences: str = "4") -> str:
        return " ".join(
            f"The {self._of(NOUNS)} {self._of(VERBS)} when the {self._of(OPINIONS)} {self._of(NOUNS)} "
            f"{self._of(VERBS)} near the {self._of(NOUNS)}."
            for _ in range(int(sentences))
        )

    def _popular(self, count: str) -> str:
        """Passages out of a small pool, as a shop's ten favourite help pages are."""
        pool = [Filler(f"pool {number}").fill("passage:3") for number in range(12)]
        return "\n\n".join(self.random.sample(pool, int(count)))

    def _shots(self, count: str) -> str:
        """Examples out of a pool, rotated."""
        pool = [
            f'Input: "{Filler(f"shot {number}").fill("message")}"\nOutput: {("refund", "delivery", "other")[number % 3]}'
            for number in range(9)
        ]
        return "\n".join(self.random.sample(pool, int(count)))

    def _lines(self, count: str) -> str:
        return "\n".join(
            f"- {self.fill('product')}: {self.fill('money')}"
            for _ in range(self.random.randint(1, int(count)))
        )
