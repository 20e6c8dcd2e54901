"""Whatever comes when: answers of a gateway that arrive late, twice or not at all end as one.

A notification is only a hint to ask, so a life is a row of words the gateway says one after the
other, and a delivery is a question asked at one of them whose answer is written at once or later.
Every way to ask and to write is walked through: three askers that may be as slow as they like, the
end asked about at last. What is left open to chance is only whether a payment was ever seen that
the bank took back again; the money is the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import pytest

from payments.adapters.midtrans.answers import order_answer
from payments.attempts import AttemptState, Ignore, News, NewsStatus, Park, decide, is_overtaken
from payments.gateway import Answer

S = AttemptState
AMOUNT: Final = 99_000
ASKERS: Final = 3

#  life                        how it is paid        what the gateway says, one after the other     ends as, seen    unseen
LIVES = """
   paid                        bank_transfer:bca     pending settlement                              paid             -
   never paid                  bank_transfer:bca     pending expire                                  failed           -
   withdrawn                   bank_transfer:bca     pending cancel                                  failed           -
   no answer of the bank       bank_transfer:bca     pending failure                                 failed           -
   paid after its end          bank_transfer:bca     pending expire settlement                       paid             -
   taken back by the bank      bank_transfer:permata pending settlement deny                         reversed         failed
   taken back at the shop      cstore:indomaret      pending settlement deny                         reversed         failed
   taken back by Mandiri       echannel:-            pending settlement deny                         reversed         failed
   given back                  gopay:-               pending settlement partial_refund refund        paid             -
   scanned as a QR             qris:-                pending settlement partial_refund refund        paid             -
   card                        credit_card:bni       pending capture settlement                      paid             -
   card refused                credit_card:bni       pending deny                                    failed           -
   card not confirmed          credit_card:bni       pending expire                                  failed           -
   card challenged, accepted   credit_card:bni       capture/challenge capture/accept settlement     paid             -
   card challenged, refused    credit_card:bni       capture/challenge deny/deny                     failed           -
   card given back             credit_card:bni       capture settlement partial_refund refund        paid             -
   charged back in part        credit_card:bni       capture settlement partial_chargeback           paid             -
   charged back whole          credit_card:bni       capture settlement chargeback                   reversed         review
   charged back in two parts   credit_card:bni       capture settlement partial_chargeback chargeback reversed        review
   held and taken              credit_card:bni       authorize capture settlement                    paid             -
   held and let go             credit_card:bni       authorize cancel                                failed           -
   cancelled behind our back   credit_card:bni       capture cancel                                  paid!            failed
   tries on a hosted page      credit_card:bni       pending deny pending capture settlement         paid             -
"""  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way: what it was told, and the order's state when it left."""

    step: int
    state: AttemptState


def told(kind: str, word: str) -> Answer:
    payment_type, _, store = kind.partition(":")
    status, _, fraud = word.partition("/")
    body = {
        "order_id": "a-1", "gross_amount": f"{AMOUNT}.00", "currency": "IDR",
        "payment_type": payment_type, "transaction_status": status,
    }  # fmt: skip
    if fraud:
        body["fraud_status"] = fraud
    if store == "permata":
        body["permata_va_number"] = "850"
    elif payment_type == "cstore":
        body["store"] = store
    return order_answer(body)


_STATUS: Final = {
    "paid": NewsStatus.PAID,
    "pending": NewsStatus.PENDING,
    "authorized": NewsStatus.PENDING,
    "failed": NewsStatus.FAILED,
    "reversed": NewsStatus.REVERSED,
}


def news(kind: str, word: str) -> News:
    answer = told(kind, word)
    return News(
        "a-1", _STATUS[answer.status], answer.amount, answer.currency,
        answer.transaction_status, answer.payment_type, answer.instructions.get("bank"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a life stands.

    ``step`` is where the gateway is, ``state`` what we hold, ``paid`` whether a payment was ever
    written, ``alarm`` whether a person was called, ``heard`` whether the end has been told to us.
    """

    step: int = 0
    state: AttemptState = S.SENT
    paid: bool = False
    alarm: bool = False
    heard: bool = False
    asked: tuple[Asked, ...] = ()


def ends(kind: str, words: list[str], *, gated: bool) -> tuple[set[str], int]:
    """Every state a life can end in, and how many moments it can go through."""
    life = [news(kind, word) for word in words]
    found: set[str] = set()
    seen, stack = {Moment()}, [Moment()]
    while stack:
        at = stack.pop()
        if at.heard and not at.asked:
            assert at.paid == (at.state in (S.PAID, S.REVERSED))
            found.add(f"{at.state}{'!' * at.alarm}")
        for after in _ways(at, life, gated=gated):
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return found, len(seen)


def _ways(at: Moment, life: list[News], *, gated: bool) -> Iterator[Moment]:
    """Time passes, or a question leaves, or one that left is answered and written."""
    last = len(life) - 1
    if at.step < last:
        yield replace(at, step=at.step + 1)
    if len(at.asked) < ASKERS:
        yield replace(at, asked=_with(at.asked, Asked(at.step, at.state)))
    for one in set(at.asked):
        left = list(at.asked)
        left.remove(one)
        move = decide(at.state, life[one.step], AMOUNT)
        if gated and is_overtaken(one.state, at.state, move):
            # Asked again, and the answer may be slow again.
            yield replace(at, asked=_with(left, Asked(at.step, at.state)))
            continue
        state = at.state if isinstance(move, Ignore) else move.state
        yield replace(
            at,
            state=state,
            paid=at.paid or state is S.PAID,
            alarm=at.alarm or (isinstance(move, Park) and state is not S.REVIEW),
            heard=at.heard or one.step == last,
            asked=tuple(left),
        )


def _with(asked: Iterable[Asked], one: Asked) -> tuple[Asked, ...]:
    return tuple(sorted((*asked, one), key=lambda each: (each.step, each.state)))


def _table() -> list[tuple[str, str, list[str], str, str]]:
    rows = []
    for line in LIVES.strip().splitlines():
        cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
        name, rest = cells[0], " ".join(cells[1:]).split()
        rows.append((name, rest[0], rest[1:-2], rest[-2], rest[-1]))
    return rows


@pytest.mark.parametrize("row", _table(), ids=lambda row: row[0])
def test_however_its_news_arrive_a_life_ends_the_same(
    row: tuple[str, str, list[str], str, str], record_property: Callable[[str, object], None]
) -> None:
    _, kind, words, seen, unseen = row
    found, moments = ends(kind, words, gated=True)
    record_property("moments", moments)
    assert found == {seen, unseen} - {"-"}


#  what happened                 kind                   words                      what it could end as
SLOW = [
    ("the bank took it back", "bank_transfer:permata", "pending settlement deny", "paid"),
    ("the card was let go", "credit_card:bni", "pending capture cancel", "paid"),
    ("the second try paid", "credit_card:bni", "pending deny settlement", "paid!"),
]


@pytest.mark.parametrize(("what", "kind", "words", "wrong"), SLOW, ids=[row[0] for row in SLOW])
def test_an_answer_that_was_overtaken_would_end_wrong_if_it_were_believed(
    what: str, kind: str, words: str, wrong: str
) -> None:
    """A settlement is read, the bank reverses it, that is read and written; then the first."""
    assert wrong in ends(kind, words.split(), gated=False)[0]
    assert wrong not in ends(kind, words.split(), gated=True)[0]
