"""Signing in and out at the staff pages."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath

from api.pages.staff.labels import LABELS
from api.pages.staff.session import (
    COOKIE,
    SignInNeeded,
    check_form,
    form_token,
    keep_session,
    person_of,
)
from api.pages.web import (
    Asked,
    brand_of,
    clean,
    engine_of,
    is_encrypted,
    language_from,
    merchant_by_slug,
    page,
    remember_language,
    see_other,
    visitor,
)
from api.source import source_of
from billing.engine import Engine
from billing.flows import limits, people
from core.errors import TooMany, Unauthenticated

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]

# Set with the form and sent back with it: without it another site could sign somebody in.
_FORM_COOKIE: Final = "tagihan_form"


@get("/staff/{slug:str}/sign-in", sync_to_thread=True)
def form(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """The form; who is signed in already goes on."""
    try:
        return see_other(person_of(request, slug).root)
    except SignInNeeded:
        return remember_language(request, _form(request, slug))


@post("/staff/{slug:str}/sign-in", sync_to_thread=True)
def sign_in(request: Request[Any, Any, Any], slug: FromPath[str], data: Form) -> Response[Any]:
    """Check address and password; the answer never says which of them is wrong."""
    engine = engine_of(request)
    merchant_id = merchant_by_slug(engine, slug)
    email, source = clean(data.get("email", ""), 254).lower(), source_of(request)
    if not _form_is_ours(engine, request, data):
        return _form(request, slug, email=email, problem="foreign_form", status=403)
    try:
        # Counted before the password is looked at, whether anybody has this address or not.
        limits.count_now(engine, merchant_id, {"sign_in_account": email, "sign_in_address": source})
        token = people.sign_in(engine, slug, email, data.get("password", "")[:1000], source=source)
    except TooMany as error:
        return _form(request, slug, email=email, problem="wait", seconds=error.seconds, status=429)
    except Unauthenticated:
        return _form(request, slug, email=email, problem="wrong", status=401)
    limits.passed(engine, merchant_id, account=email, address=source)
    answer = see_other(f"/staff/{slug}")
    keep_session(answer, engine, slug, token)
    answer.delete_cookie(_FORM_COOKIE, path=f"/staff/{slug}")
    return answer


@post("/staff/{slug:str}/sign-out", sync_to_thread=True)
def sign_out(request: Request[Any, Any, Any], slug: FromPath[str], data: Form) -> Response[Any]:
    """End the session, here and in the database."""
    check_form(person_of(request, slug), data)
    people.sign_out(engine_of(request), request.cookies.get(COOKIE, ""), source_of(request))
    answer = see_other(f"/staff/{slug}/sign-in")
    answer.delete_cookie(COOKIE, path=f"/staff/{slug}")
    return answer


def _form(
    request: Asked,
    slug: str,
    *,
    email: str = "",
    problem: str = "",
    seconds: int = 0,
    status: int = 200,
) -> Response[str]:
    engine, language = engine_of(request), language_from(request)
    kept = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(24)
    labels = LABELS[language]
    with engine.work(merchant_by_slug(engine, slug), visitor(request, "sign-in")) as unit:
        brand = brand_of(unit.merchant)
    answer = page(
        "staff/sign_in.html",
        {
            "brand": brand,
            "language": language,
            "t": labels,
            "slug": slug,
            "email": email,
            "problem": labels[problem].format(seconds=seconds) if problem else "",
            "csrf": form_token(engine, kept),
        },
        status=status,
    )
    if seconds:
        answer.headers["Retry-After"] = str(seconds)
    answer.set_cookie(
        _FORM_COOKIE,
        kept,
        path=f"/staff/{slug}",
        max_age=3600,
        httponly=True,
        samesite="strict",
        secure=is_encrypted(engine),
    )
    return answer


def _form_is_ours(engine: Engine, request: Asked, data: dict[str, str]) -> bool:
    kept = request.cookies.get(_FORM_COOKIE, "")
    wanted = form_token(engine, kept)
    return bool(kept) and hmac.compare_digest(data.get("csrf", "").encode(), wanted.encode())
