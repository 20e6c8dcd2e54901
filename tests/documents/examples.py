"""Documents to show: one base invoice and its turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from invoices.document_facts import (
    AutoChargeFacts,
    BuyerFacts,
    CreditFacts,
    DocumentFacts,
    HowToPayFacts,
    LineFacts,
    LogoFacts,
    PaymentFacts,
    SellerFacts,
    TaxFacts,
)

ROOT = Path(__file__).resolve().parents[2]
LOGO = LogoFacts("image/svg+xml", (ROOT / "examples" / "logo.svg").read_bytes())
ISSUED_AT = datetime(2026, 11, 21, 2, tzinfo=UTC)
PAGE = "https://billing.larasa.example/i/inv_abc?s=signed"

SELLER = SellerFacts(
    legal_name="PT Larasa Contoh Nusantara",
    display_name="Larasa",
    address=("Jl. Contoh Raya No. 8, Lantai 3", "Jakarta Selatan 12190"),
    npwp="0012345678901000",
    pkp_since=date(2022, 4, 1),
    email="tagihan@larasa.example",
    phone="021 5550 0108",
    brand_color="#0b6e69",
    logo=LOGO,
)
BUYER = BuyerFacts(
    name="Dewi Anggraini",
    company="Warung Kopi Pelangi",
    address=("Jl. Merapi No. 21", "Yogyakarta 55281"),
    email="dewi@kopipelangi.example",
    npwp="0098765432109000",
)
LINE = LineFacts(
    description="Larasa Tumbuh, bulanan",
    amount=349_000,
    unit_amount=349_000,
    period_start=date(2026, 11, 21),
    period_end=date(2026, 12, 21),
    explanation="1 × Rp349.000, satu bulan penuh.",
)
# 349 000 x 11% = 38 390; 349 000 x 11/12 = 319 916.67
TAX = TaxFacts("standard", 12, 349_000, 38_390, "exclusive", other_base=319_917)

OPEN = DocumentFacts(
    kind="invoice",
    number="INV/2026/XI/00042",
    status="open",
    issued_on=date(2026, 11, 21),
    due_on=date(2026, 11, 28),
    as_of=date(2026, 11, 21),
    seller=SELLER,
    buyer=BUYER,
    lines=(LINE,),
    subtotal=349_000,
    tax=TAX,
    total=387_390,
    due=387_390,
    how_to_pay=(
        HowToPayFacts(
            bank="bca",
            va_number="700120000012345",
            amount=387_390,
            expires_at=datetime(2026, 11, 28, 17, 0, tzinfo=UTC),
        ),
    ),
    pay_url=PAGE,
)
_PAID_AT = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)  # 25 November in Jakarta
PAID = replace(
    OPEN,
    status="paid",
    paid_at=_PAID_AT,
    paid=387_390,
    due=0,
    payments=(PaymentFacts(_PAID_AT, "BCA Virtual Account", 387_390),),
)
OVERDUE = replace(OPEN, as_of=date(2026, 11, 29))
PART_PAID = replace(OPEN, paid=100_000, due=287_390)
VOID = replace(OPEN, status="void", due=0)
AUTOMATIC = replace(
    OPEN, how_to_pay=(), auto_charge=AutoChargeFacts("Kartu Visa •••• 1111", date(2026, 11, 22))
)
# 349 000 x 11/111 = 34 585.59
INCLUSIVE = replace(
    OPEN,
    tax=TaxFacts("standard", 12, 314_414, 34_586, "inclusive", other_base=288_213),
    total=349_000,
    due=349_000,
)
NO_PKP = replace(
    OPEN, seller=replace(SELLER, pkp_since=None, logo=None), tax=None, total=349_000, due=349_000
)
CREDIT_NOTE = DocumentFacts(
    kind="credit_note",
    number="NK/2026/XI/00003",
    status="issued",
    issued_on=date(2026, 11, 25),
    as_of=date(2026, 11, 25),
    seller=SELLER,
    buyer=BUYER,
    lines=(LineFacts("Pengembalian sebagian", 100_000),),
    subtotal=100_000,
    tax=TaxFacts("standard", 12, 100_000, 11_000, "exclusive", other_base=91_667),
    total=111_000,
    credit=CreditFacts(
        invoice_number="INV/2026/XI/00042",
        invoice_issued_on=date(2026, 11, 21),
        reason="Layanan terganggu",
        use="refund",
        refund_method="kartu Visa •••• 1111",
    ),
)
RECEIPT = replace(PAID, kind="receipt", number="KW/2026/XI/00001")
LONG = replace(
    OPEN,
    lines=tuple(replace(LINE, description=f"Gerai {n:02d}", explanation="") for n in range(1, 26)),
)
