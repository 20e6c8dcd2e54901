"""What waits for a person: the red box on the first staff page, and its answer."""

from __future__ import annotations

from typing import Any, Final, cast, get_args

from litestar import Request, Response, post
from litestar.params import FromPath
from sqlalchemy import func, select

from api.pages.staff.forms import Form, require
from api.pages.staff.giving_back import amount_in
from api.pages.staff.problems import PROBLEMS, refusal
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, see_other
from api.scopes import STAFF_SCOPES
from billing.flows.decide import order_states, resolve_review
from core import ids
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from payments.review_kinds import Decision, decisions, kind_of
from payments.tables import reviews

SHOWN_MAX: Final = 10
_WORDS: Final = {
    "id": {
        "heading": "Perlu dilihat orang",
        "about": "Tentang",
        "more": "dan {n} lagi",
        "reason": "Apa yang ditemukan dan dilakukan",
        "done": "Tutup",
        "paid": "Uang diterima",
        "failed": "Tidak ada uang masuk",
        "charged_back": "Bukukan jumlah ini",
        "decide": "Lihat dan putuskan",
        "taken_back": "Uang sudah kembali, tagih lagi",
        "amount": "Jumlah yang ditarik bank (rupiah)",
    },
    "en": {
        "heading": "A person should look",
        "about": "About",
        "more": "and {n} more",
        "reason": "What was found and done",
        "done": "Close",
        "paid": "The money came",
        "failed": "No money came",
        "charged_back": "Book this amount",
        "decide": "Look and decide",
        "taken_back": "The money went back, collect again",
        "amount": "Amount the bank took back (rupiah)",
    },
}


@post("/staff/{slug:str}/reviews/{review:str}", sync_to_thread=True)
def resolve(
    request: Request[Any, Any, Any], slug: FromPath[str], review: FromPath[str], data: Form
) -> Response[Any]:
    """Close a matter with a decision and the reason for it."""
    person = person_of(request, slug)
    check_form(person, data)
    require(may_resolve(person))
    said, reason = data.get("decision", ""), clean(data.get("reason", ""), 500)
    try:
        amount = _amount(data) if said == "charged_back" else None
        if reason and said in get_args(Decision):
            with person.engine.work(person.merchant_id, person.actor) as unit:
                wanted, decision = ids.parse("review", review), cast(Decision, said)
                resolve_review(unit, wanted, decision=decision, reason=reason, amount=amount)
    except InvalidRequest as error:
        if error.code in PROBLEMS:
            return see_other(f"{person.root}?refused={error.code}")
    except (Conflict, NotFound):
        pass  # somebody else was faster: the page shows what is left
    return see_other(person.root)


def _amount(form: dict[str, str]) -> int:
    """Read how much the bank took; left empty it is refused: nothing is guessed here."""
    amount = amount_in(form)
    if amount is None:
        raise InvalidRequest("invalid_amount", "whole rupiah", field="amount")
    return amount


def may_resolve(person: SignedIn) -> bool:
    """Whether this person's role may answer matters: as a key with the scope may."""
    return "refund" in STAFF_SCOPES[person.role]


def open_matters(unit: Work, person: SignedIn, refused: str = "") -> dict[str, Any]:
    """The open matters, the oldest first, in words, and whether this person may answer.

    Args:
        refused: the code of why the last answer was not taken; one we have no words for is silent.
    """
    language = person.language
    c = reviews.c
    mine = (c.merchant_id == unit.merchant_id, c.closed_at.is_(None))
    count = unit.session.execute(select(func.count()).select_from(reviews).where(*mine))
    total = int(count.scalar_one())
    rows = unit.session.execute(
        select(reviews).where(*mine).order_by(c.opened_at, c.id).limit(SHOWN_MAX)
    ).all()
    states = order_states(unit, rows)
    listed = []
    for row in rows:
        meaning, known = kind_of(row.kind), row.subject_kind in ids.PREFIXES
        listed.append(
            {
                "id": ids.public("review", row.id),
                "title": meaning.title[language],
                "todo": meaning.todo[language],
                "subject_kind": row.subject_kind,
                "subject": ids.public(row.subject_kind, row.subject_id) if known else "",
                "detail": ", ".join(f"{name}: {value}" for name, value in row.detail.items()),
                "opened_at": row.opened_at,
                "decisions": decisions(row.kind, states.get(row.subject_id), row.detail),
            }
        )
    return {
        "count": total, "more": total - len(listed), "listed": listed, "words": _WORDS[language],
        "may": may_resolve(person),
        "problem": refusal(InvalidRequest(refused, ""), language) if refused in PROBLEMS else "",
    }  # fmt: skip
