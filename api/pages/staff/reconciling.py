"""Reconciliation for staff: import a report with a preview, look at differences, settle them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from sqlalchemy import Row, func, select

from api.pages.staff.forms import Form, require
from api.pages.staff.frame import setting_of, show
from api.pages.staff.reconcile_words import RECONCILE_WORDS
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, private_headers, remember_language, see_other
from api.problem_words import words_of
from api.scopes import STAFF_SCOPES
from billing.flows import differences as settling
from billing.flows.report_files import book_file, drop_file, read_file
from billing.ledger.chart import CHART, Account
from billing.reconciliation.kinds import ACCOUNTS, BY_HAND, KINDS
from billing.reconciliation.queries import steps_of
from billing.reconciliation.tables import differences, settlement_files, settlement_rows
from core import ids
from core.errors import Conflict, EngineError, Forbidden, InvalidRequest, NotFound
from core.work import Work
from payments.report_cells import UnreadableError, rupiah, safe_cell
from payments.settlement_report import BYTES_MAX
from payments.tables import payments

LISTED_MAX: Final = 100
EXPORTED_MAX: Final = 20_000
Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]


@get("/staff/{slug:str}/reconciliation", sync_to_thread=True)
def overview(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """Open differences with their filters, and the reports that were imported."""
    person = person_of(request, slug)
    problem = str(request.query_params.get("refused", ""))
    return remember_language(request, _overview(person, request, problem))


@get("/staff/{slug:str}/reconciliation.csv", sync_to_thread=True)
def export(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """The same list as a file; no cell of it is a formula."""
    person = person_of(request, slug)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        rows = _rows(unit, _asked(request), EXPORTED_MAX)
        now = unit.now
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["kind", "severity", "state", "order_id", "day", "ours", "theirs", "age_days",
                     "assignee", "resolution"])  # fmt: skip
    for row in rows:
        cells = (
            row.kind, row.severity, row.state, row.order_id, row.day, row.ours, row.theirs,
            (now - row.found_at).days, row.assignee, row.resolution,
        )  # fmt: skip
        writer.writerow([safe_cell(cell) for cell in cells])
    headers = {**private_headers(), "Content-Disposition": 'attachment; filename="beda.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@post("/staff/{slug:str}/reports", sync_to_thread=True, request_max_body_size=BYTES_MAX + 65_536)
def upload(request: Request[Any, Any, Any], slug: FromPath[str], data: Upload) -> Response[Any]:
    """Take a report in; its page shows what booking would do."""
    person = person_of(request, slug)
    check_form(person, {"csrf": str(data.get("csrf", ""))})
    require(may_reconcile(person))
    given = data.get("file")
    if not isinstance(given, UploadFile):
        return see_other(f"{person.root}/reconciliation?refused=report_empty")
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            file_id = read_file(person.engine, unit, given.filename, given.file.read())
    except InvalidRequest as error:
        return see_other(f"{person.root}/reconciliation?refused={error.code}")
    return see_other(f"{person.root}/reports/{ids.public('settlement_file', file_id)}")


@get("/staff/{slug:str}/reports/{report:str}", sync_to_thread=True)
def report_page(
    request: Request[Any, Any, Any], slug: FromPath[str], report: FromPath[str]
) -> Response[Any]:
    """One report: what booking would do, or did."""
    person = person_of(request, slug)
    file_id = ids.parse("settlement_file", report)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        c = settlement_files.c
        row = unit.session.execute(
            select(settlement_files).where(c.merchant_id == person.merchant_id, c.id == file_id)
        ).one_or_none()
    if row is None:
        raise NotFound("settlement_file_not_found", "there is no such report")
    context = {
        "row": row, "kinds": KINDS, "w": RECONCILE_WORDS[person.language],
        "may": may_reconcile(person), "total": sum(row.summary.get("differences", {}).values()),
    }  # fmt: skip
    return remember_language(request, show(person, setting, "report.html", context))


@post("/staff/{slug:str}/reports/{report:str}/{act:str}", sync_to_thread=True)
def report_act(
    request: Request[Any, Any, Any], slug: FromPath[str], report: FromPath[str],
    act: FromPath[str], data: Form,
) -> Response[Any]:  # fmt: skip
    """Book or drop a report that was shown."""
    person = person_of(request, slug)
    check_form(person, data)
    require(may_reconcile(person))
    file_id = ids.parse("settlement_file", report)
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            if act == "book":
                book_file(person.engine, unit, file_id)
            elif act == "drop":
                drop_file(unit, file_id)
    except Conflict:
        pass  # somebody was faster: the page shows how it stands
    return see_other(f"{person.root}/reports/{report}")


@get("/staff/{slug:str}/differences/{difference:str}", sync_to_thread=True)
def difference_page(
    request: Request[Any, Any, Any], slug: FromPath[str], difference: FromPath[str]
) -> Response[Any]:
    """One difference: both books side by side, what was done, what can be done."""
    person = person_of(request, slug)
    return remember_language(request, _difference(person, ids.parse("difference", difference)))


@post("/staff/{slug:str}/differences/{difference:str}/{act:str}", sync_to_thread=True)
def difference_act(
    request: Request[Any, Any, Any], slug: FromPath[str], difference: FromPath[str],
    act: FromPath[str], data: Form,
) -> Response[Any]:  # fmt: skip
    """Assign, note, settle; agree to a correction or decline it."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_approve if act in ("approve", "decline") else may_reconcile(person))
    wanted = ids.parse("difference", difference)
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            _act(unit, wanted, act, data)
    except (Conflict, InvalidRequest, Forbidden) as error:
        return _difference(person, wanted, problem=_told(error, person.language), status=409)
    return see_other(f"{person.root}/differences/{difference}")


def may_reconcile(person: SignedIn) -> bool:
    """Whether this person's role may import and settle: as a key with the scope may."""
    return "refund" in STAFF_SCOPES[person.role]


def open_differences(unit: Work) -> int:
    """How many differences wait for somebody."""
    c = differences.c
    count = unit.session.execute(
        select(func.count())
        .select_from(differences)
        .where(c.merchant_id == unit.merchant_id, c.state != "resolved")
    )
    return int(count.scalar_one())


def _act(unit: Work, difference_id: UUID, act: str, form: dict[str, str]) -> None:
    reason = clean(form.get("reason", ""), settling.REASON_MAX)
    match act:
        case "assign":
            settling.assign(
                unit, difference_id, clean(form.get("assignee", ""), 100) or None, reason
            )
        case "note":
            settling.note(unit, difference_id, reason)
        case "resolve":
            settling.resolve(
                unit, difference_id, form.get("resolution", ""), reason,
                account=form.get("account") or None, amount=_amount(form),
            )  # fmt: skip
        case "approve":
            settling.approve(unit, difference_id, reason)
        case "decline":
            settling.decline(unit, difference_id, reason)
        case _:
            raise InvalidRequest("invalid_id", "there is no such deed")


def _amount(form: Mapping[str, str]) -> int | None:
    if form.get("resolution") != "booked":
        return None
    try:
        return rupiah(form.get("amount", ""))
    except UnreadableError:
        raise InvalidRequest("invalid_amount", "whole rupiah", field="amount") from None


def _told(error: EngineError, language: str) -> str:
    words = words_of(error.code)
    return error.message if words is None else words[0 if language == "en" else 1]


def _asked(request: Request[Any, Any, Any]) -> dict[str, str]:
    names = ("kind", "severity", "assignee", "state", "age")
    return {name: clean(str(request.query_params.get(name, "")), 100) for name in names}


def _rows(unit: Work, asked: Mapping[str, str], limit: int) -> list[Row[Any]]:
    c = differences.c
    query = select(differences).where(c.merchant_id == unit.merchant_id)
    for name in ("kind", "severity", "assignee"):
        if asked[name]:
            query = query.where(c[name] == asked[name])
    state = asked["state"]
    query = query.where(c.state == state if state else c.state != "resolved")
    if asked["age"].isdecimal() and len(asked["age"]) < 5:
        query = query.where(c.found_at <= unit.now - _days(int(asked["age"])))
    return list(unit.session.execute(query.order_by(c.found_at, c.id).limit(limit)))


def _days(count: int) -> Any:
    return func.make_interval(0, 0, 0, count)


def _overview(person: SignedIn, request: Request[Any, Any, Any], refused: str) -> Response[Any]:
    asked = _asked(request)
    f, c = settlement_files.c, differences.c
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        listed = _rows(unit, asked, LISTED_MAX)
        files = unit.session.execute(
            select(settlement_files)
            .where(f.merchant_id == unit.merchant_id)
            .order_by(f.read_at.desc(), f.id)
            .limit(20)
        ).all()
        assignees = unit.session.execute(
            select(c.assignee)
            .where(c.merchant_id == unit.merchant_id, c.assignee.is_not(None))
            .distinct()
            .order_by(c.assignee)
        ).scalars()
        context = {
            "listed": [(row, (unit.now - row.found_at).days) for row in listed],
            "files": files, "assignees": list(assignees), "asked": asked, "kinds": KINDS,
            "count": open_differences(unit), "w": RECONCILE_WORDS[person.language],
            "may": may_reconcile(person),
            "problem": _told(InvalidRequest(refused, ""), person.language) if refused else "",
        }  # fmt: skip
    return show(person, setting, "reconcile.html", context)


def _difference(
    person: SignedIn, difference_id: UUID, *, problem: str = "", status: int = 200
) -> Response[Any]:
    c, r, p = differences.c, settlement_rows.c, payments.c
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        row = unit.session.execute(
            select(differences).where(c.merchant_id == unit.merchant_id, c.id == difference_id)
        ).one_or_none()
        if row is None:
            raise NotFound("difference_not_found", "there is no such difference")
        theirs = unit.session.execute(
            select(settlement_rows).where(r.merchant_id == unit.merchant_id, r.id == row.row_id)
        ).one_or_none()
        ours = unit.session.execute(
            select(payments).where(p.merchant_id == unit.merchant_id, p.id == row.payment_id)
        ).one_or_none()
        context = {
            "row": row, "told": theirs, "payment": ours, "meaning": KINDS[row.kind],
            "steps": steps_of(unit, difference_id), "age": (unit.now - row.found_at).days,
            "w": RECONCILE_WORDS[person.language], "may": may_reconcile(person),
            "resolutions": BY_HAND, "problem": problem,
            "accounts": _accounts(person.language),
            "limit": setting.merchant.refund_approval_above,
        }  # fmt: skip
    return show(person, setting, "difference.html", context, status=status)


def _accounts(language: str) -> dict[str, str]:
    rows = {name: CHART[Account(name)] for name in ACCOUNTS}
    return {
        name: row.name_id if language == "id" else row.name_en for name, row in rows.items()
    }  # fmt: skip
