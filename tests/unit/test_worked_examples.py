"""The worked examples of billing, in their order: what is given on the left, what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from billing.beginnings import FixedDay, beginning_of, stub_charge
from billing.catching_up import catch_up
from billing.lifecycle import SubscriptionStatus
from billing.plan_changes import BilledLine, Offer, quote_cancel, quote_change
from billing.proration import unused_credit
from billing.renewals import Agreement
from core.calendars import (
    Anchor,
    Interval,
    Period,
    Unit,
    boundary,
    civil_date,
    instant_of,
    next_boundary,
    period_containing,
)
from core.exact import exact
from core.money import Money, zero
from dunning.policy import Case as Chased
from dunning.policy import Policy, end_on, planned_tries
from invoices.credit_notes import split_by_source
from invoices.discounts import Discount, Item, discount_shown, net_prices, use_voucher
from invoices.tax import TaxResult, compute_tax, credit_note_tax
from plans.catalogue import PriceVersion
from plans.commitments import minimum_line
from plans.percentages import PercentageTerms
from plans.price_models import Graduated, Package, Percentage, Volume
from plans.tiers import Tier

D = date.fromisoformat
M = Money
JAKARTA = "Asia/Jakarta"
MONTH, QUARTER, YEAR = Interval("month"), Interval("month", 3), Interval("year")


def boundaries(start: str, interval: Interval, count: int) -> list[str]:
    anchor = Anchor.at(D(start))
    return [boundary(anchor, interval, k).isoformat()[2:] for k in range(1, count + 1)]


def renewed(created: str, zone: str) -> tuple[str, str, str]:
    """Date of creation, next boundary, and its instant."""
    on = civil_date(datetime.fromisoformat(created), zone)
    following = next_boundary(Anchor.at(on), MONTH, on)
    at = instant_of(following, zone).astimezone(UTC)
    return str(on), str(following), at.strftime("%m-%dT%H:%MZ")


def stub(price: int, start: str, day: int, trial: int = 0) -> tuple[str, int, int]:
    """The first period's days of days, and its price."""
    begun = beginning_of(D(start), MONTH, trial_days=trial, fixed=FixedDay(day))
    assert begun.stub is not None
    charge = stub_charge(M(price), begun.stub)
    return f"{charge.numerator}/{charge.denominator}", charge.denominator, charge.amount.amount


def first_period(start: str, trial: int) -> list[str]:
    begun = beginning_of(D(start), MONTH, trial_days=trial)
    assert begun.trial is not None
    return [str(begun.trial), str(begun.first)]


def offer(price: int, unit: Unit = "month", quantity: int = 1) -> Offer:
    return Offer(PriceVersion(f"p{price}", 1, "IDR", price, Interval(unit)), quantity)


def billed(net: int, start: str, end: str) -> BilledLine:
    return BilledLine(UUID(int=0), M(net), Period(D(start), D(end)), zero())


def changed(
    old: Offer, new: Offer, on: str, line: BilledLine, anchor: str, *, mode: Any = "prorate"
) -> list[int]:
    """Credits and charges of a change; the anchor is where the period began."""
    at = Anchor.at(D(anchor))
    period = period_containing(at, old.price.interval, D(on))
    quote = quote_change(
        old=old, new=new, lines=[line], anchor=at, period=period, billed_through=period.end,
        on=D(on), mode=mode,
    )  # fmt: skip
    return [found.amount.amount for found in (*quote.credits, *quote.charges)]


def taxed(nets: Sequence[int], mode: Any = "exclusive") -> TaxResult:
    return compute_tax(
        [M(net) for net in nets], treatment="standard", mode=mode, on=D("2026-12-21"), pkp=True
    )


def told(found: TaxResult) -> list[int | None]:
    """Base, PPN, total, DPP nilai lain."""
    other = found.other_base.amount if found.other_base else None
    return [found.base.amount, found.tax.amount, found.total.amount, other]


def canceled(net: int, start: str, end: str, on: str, *, bill_day: bool) -> list[int]:
    """Base, PPN and total of what comes back of an invoice with its PPN."""
    line = billed(net, start, end)
    quote = quote_cancel(
        lines=[line], period=line.period, on=D(on), mode="immediate", bill_day=bill_day
    )
    whole = taxed([net])
    back = -quote.net
    tax = credit_note_tax(
        back, terms=whole.terms, document_price=M(net), document_tax=whole.tax,
        credited_before=zero(), tax_credited_before=zero(),
    )  # fmt: skip
    return [back.amount, tax.amount, (back + tax).amount]


def balance_after_downgrade() -> list[int]:
    """What 300,000 to 150,000 gives back, tax included, and what the next invoice still asks."""
    lines = changed(
        offer(300_000), offer(150_000), "2026-11-25", billed(300_000, "2026-11-15", "2026-12-15"),
        "2026-11-15",
    )  # fmt: skip
    held = -taxed(lines).total
    due = taxed([150_000]).total
    used, _ = split_by_source(held, due)
    return [*lines, held.amount, due.amount, (due - used).amount]


def discounted_upgrade() -> list[int]:
    """Credit of the net line, gross charge, its discount."""
    old, new = (
        net_prices([Item("plan", M(price))], [Discount(basis_points=2_000)])[0].net
        for price in (150_000, 300_000)
    )
    period = Period(D("2026-11-15"), D("2026-12-15"))
    credit = unused_credit(old, period, D("2026-11-25")).amount
    gross, less = discount_shown(M(300_000), new, 20, 30)
    return [-credit.amount, gross.amount, less.amount, (gross + less - credit).amount]


def voucher(amount: int, *lines: int) -> list[int]:
    found = use_voucher([Item("line", M(line)) for line in lines], M(amount))
    return [part.amount for part in found.parts]


SEATS = tuple(
    Tier(None if bound is None else Fraction(bound), Fraction(price))
    for bound, price in ((10, 10_000), (50, 8_000), (None, 5_000))
)
QUANTITIES = (0, 1, 10, 11, 50, 51, 60)


def tiered(model: type[Graduated | Volume]) -> list[int]:
    return [model(SEATS).price(Fraction(units)).amount().amount for units in QUANTITIES]


def tries() -> list[str]:
    """Attempts after a failure at 02:05 in Jakarta, and the day of the end."""
    at = datetime(2026, 11, 30, 19, 5, tzinfo=UTC)
    case = Chased(opened_at=at, first_failed_at=at, last_attempt_at=at, failures=1)
    policy = Policy(payday_from=None, payday_to=None)
    instants = planned_tries(case, JAKARTA, policy)
    attempts = [one.astimezone(UTC).strftime("%m-%dT%H:%MZ") for one in instants]
    return [*attempts, str(end_on(case, JAKARTA, policy))]


def missed() -> list[str]:
    agreement = Agreement(
        status=SubscriptionStatus.ACTIVE, collection="automatic", zone=JAKARTA,
        anchor=Anchor.at(D("2026-11-15")), interval=MONTH, lead_days=0,
        current=Period(D("2026-11-15"), D("2026-12-15")), billed_through=D("2026-12-15"),
    )  # fmt: skip
    found = catch_up(agreement, instant_of(D("2027-02-02"), JAKARTA))
    return [str(period) for invoice in found.invoices for period in invoice]


DECEMBER = ("2026-12-10", "2027-01-10")
UPGRADE = changed(
    offer(99_000), offer(249_000), "2026-12-21", billed(99_000, *DECEMBER), "2026-12-10"
)


EXAMPLES: list[tuple[str, Callable[[], Any], Any]] = [
    ("X1 monthly from 31 January", lambda: boundaries("2027-01-31", MONTH, 5),
     ["27-02-28", "27-03-31", "27-04-30", "27-05-31", "27-06-30"]),
    ("X1 in a leap year", lambda: boundaries("2028-01-31", MONTH, 1), ["28-02-29"]),
    ("X2 yearly from 29 February", lambda: boundaries("2028-02-29", YEAR, 4),
     ["29-02-28", "30-02-28", "31-02-28", "32-02-29"]),
    ("X3 quarterly from 30 November", lambda: boundaries("2026-11-30", QUARTER, 4),
     ["27-02-28", "27-05-30", "27-08-30", "27-11-30"]),
    ("X4 in Jakarta", lambda: renewed("2026-11-30T17:30+00:00", JAKARTA),
     ("2026-12-01", "2027-01-01", "12-31T17:00Z")),
    ("X4 in Makassar", lambda: renewed("2026-11-30T17:30+00:00", "Asia/Makassar")[2], "12-31T16:00Z"),
    ("X4 in Jayapura", lambda: renewed("2026-11-30T17:30+00:00", "Asia/Jayapura")[2], "12-31T15:00Z"),
    ("X4 by UTC", lambda: renewed("2026-11-30T17:30+00:00", "UTC")[:2], ("2026-11-30", "2026-12-30")),
    ("X5 17 January to the 1st", lambda: stub(100_000, "2027-01-17", 1), ("15/31", 31, 48_387)),
    ("X6 14 February to day 31", lambda: stub(310_000, "2027-02-14", 31), ("14/28", 28, 155_000)),
    ("X7 a trial of 14 days", lambda: first_period("2026-11-21", 14),
     ["[2026-11-21, 2026-12-05)", "[2026-12-05, 2027-01-05)"]),
    ("X7 before a fixed day", lambda: stub(100_000, "2026-11-21", 1, trial=14), ("27/31", 31, 87_097)),
    ("X8 an upgrade, 20/30 left",
     lambda: changed(offer(150_000), offer(300_000), "2026-11-25",
                     billed(150_000, "2026-11-15", "2026-12-15"), "2026-11-15"),
     [-100_000, 200_000]),
    ("X8 with its tax", lambda: told(taxed([-100_000, 200_000])), [100_000, 11_000, 111_000, 91_667]),
    ("X9 an upgrade, 20/31 left", lambda: UPGRADE, [-63_871, 160_645]),
    ("X9 with its tax", lambda: told(taxed(UPGRADE)), [96_774, 10_645, 107_419, 88_710]),
    ("X10 down again on the 27th",
     lambda: changed(offer(249_000), offer(199_000), "2026-12-27",
                     billed(160_645, "2026-12-21", "2027-01-10"), "2026-12-10"),
     [-112_452, 89_871]),
    ("X11 half a rupiah", lambda: M(150_001).share(15, 30).amount, 75_001),
    ("X11 given back", lambda: M(-150_001).share(15, 30).amount, -75_001),
    ("X12 the day is billed", lambda: canceled(99_000, *DECEMBER, "2026-12-21", bill_day=True),
     [60_677, 6_674, 67_351]),
    ("X12 the day is not billed", lambda: canceled(99_000, *DECEMBER, "2026-12-21", bill_day=False),
     [63_871, 7_026, 70_897]),
    ("X12 the invoice was", lambda: taxed([99_000]).total.amount, 109_890),
    ("X13 three seats to four, 10/31 left",
     lambda: changed(offer(45_000, quantity=3), offer(45_000, quantity=4), "2026-12-31",
                     billed(135_000, *DECEMBER), "2026-12-10"),
     [-43_548, 58_065]),
    ("X14 a month to a year",
     lambda: changed(offer(100_000), offer(1_000_000, "year"), "2026-12-20",
                     billed(100_000, "2026-12-05", "2027-01-05"), "2026-12-05"),
     [-51_613, 1_000_000]),
    ("X15 a year of 366 days, 92 left",
     lambda: unused_credit(M(1_200_000), Period(D("2027-06-01"), D("2028-06-01")), D("2028-03-01")).amount,
     M(301_639)),
    ("X16 down at once, then the next invoice", balance_after_downgrade,
     [-200_000, 100_000, 111_000, 166_500, 55_500]),
    ("X17 20% through an upgrade", discounted_upgrade, [-80_000, 200_000, -40_000, 80_000]),
    ("X18 a voucher over three lines", lambda: voucher(50_000, 99_000, 45_000, 10_500),
     [32_039, 14_563, 3_398]),
    ("X18 over equal lines", lambda: voucher(100, 50, 50, 50), [34, 33, 33]),
    ("X19 15% of 99,999",
     lambda: net_prices([Item("p", M(99_999))], [Discount(basis_points=1_500)])[0].taken, M(15_000)),
    ("X20 three lines of 33,333", lambda: [part.amount for part in taxed([33_333] * 3).per_line],
     [3_667, 3_667, 3_666]),
    ("X21 a base of 250", lambda: told(taxed([250])), [250, 28, 278, 229]),
    ("X21 a base of 1,234,567", lambda: told(taxed([1_234_567])),
     [1_234_567, 135_802, 1_370_369, 1_131_686]),
    ("X22 99,000 with the tax inside", lambda: told(taxed([99_000], "inclusive"))[:2], [89_189, 9_811]),
    ("X23 graduated", lambda: tiered(Graduated),
     [0, 10_000, 100_000, 108_000, 420_000, 425_000, 470_000]),
    ("X23 volume", lambda: tiered(Volume), [0, 10_000, 100_000, 88_000, 400_000, 255_000, 300_000]),
    ("X24 2,350 SMS, 100 free, 1,000 for 250,000",
     lambda: Package(Fraction(1_000), Fraction(250_000), Fraction(100)).price(Fraction(2_350)).amount(),
     M(750_000)),
    ("X25 1.5% + 1,000 within 2,000 and 25,000",
     lambda: Percentage(
         PercentageTerms(exact("0.015"), exact(1_000), minimum=exact(2_000), maximum=exact(25_000))
     ).price_events([exact(50_000), exact(1_000_000), exact(5_000_000)]).amount(),
     M(43_000)),
    ("X26 a minimum of 500,000 over 16/31",
     lambda: minimum_line(M(500_000), days=16, of_days=31, counted=M(120_000)).amount, M(138_065)),
    ("X27 a failure at 02:05 in Jakarta", tries,
     ["12-02T03:00Z", "12-04T03:00Z", "12-08T03:00Z", "2026-12-15"]),
    ("X28 two missed months", missed, ["[2026-12-15, 2027-01-15)", "[2027-01-15, 2027-02-15)"]),
    ("X29 EUR 19.99, 10 of 31 days", lambda: M(1_999, "EUR").share(10, 31), M(645, "EUR")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "result"), [pytest.param(*row[1:], id=row[0]) for row in EXAMPLES]
)
def test_a_worked_example_comes_to_its_figures(case: Callable[[], Any], result: Any) -> None:
    assert case() == result


def test_every_example_stands_here() -> None:
    assert {row[0].split()[0] for row in EXAMPLES} == {f"X{n}" for n in range(1, 30)}
