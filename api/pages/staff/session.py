"""Who is signed in at the staff pages, what that person may do, and whether a form is ours."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from litestar import Response
from litestar.exceptions import HTTPException

from api.pages.web import Asked, engine_of, is_encrypted, language_from
from api.scopes import STAFF_SCOPES
from api.source import source_of
from billing.engine import Engine
from billing.flows import people
from core.actor import Actor
from core.errors import Forbidden, NotFound

COOKIE: Final = "tagihan_staff"
# Changing what a customer pays is for those who answer for the figures.
MAY_CHANGE_PLAN: Final = frozenset({"owner", "billing"})
MAY_CANCEL: Final = frozenset({"owner", "billing", "support"})
MAY_GIVE_BACK: Final = frozenset({"owner", "billing", "finance"})
MAY_SEND: Final = frozenset({"owner", "billing", "finance", "support"})


class SignInNeeded(HTTPException):
    """Nobody is signed in: on to the page where one does."""

    status_code = 401

    def __init__(self, slug: str) -> None:
        super().__init__("sign in first")
        self.slug = slug


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member of staff whose session is good now, and how the page is to be written."""

    engine: Engine
    merchant_id: UUID
    slug: str
    email: str
    name: str
    role: str
    source: str
    language: str
    csrf: str

    @property
    def actor(self) -> Actor:
        """Who everything this person does is noted under."""
        return Actor("staff", self.email, self.source)

    @property
    def root(self) -> str:
        """Where the pages of this merchant's staff begin."""
        return f"/staff/{self.slug}"

    @property
    def may_change_plan(self) -> bool:
        return self.role in MAY_CHANGE_PLAN

    @property
    def may_cancel(self) -> bool:
        return self.role in MAY_CANCEL

    @property
    def may_end_card(self) -> bool:
        return self.role in MAY_CANCEL

    @property
    def may_give_back(self) -> bool:
        return self.role in MAY_GIVE_BACK

    @property
    def may_approve(self) -> bool:
        return "approve" in STAFF_SCOPES[self.role]

    @property
    def may_void(self) -> bool:
        return self.role in MAY_CHANGE_PLAN

    @property
    def may_send(self) -> bool:
        return self.role in MAY_SEND


def person_of(request: Asked, slug: str) -> SignedIn:
    """Read who asks.

    Raises:
        SignInNeeded: nobody, or somebody of another merchant.
        NotFound: ``merchant_not_found``.
    """
    engine = engine_of(request)
    merchant_id = people.find_merchant_id(engine, slug)
    if merchant_id is None:
        raise NotFound("merchant_not_found", "there is no such merchant")
    token = request.cookies.get(COOKIE, "")
    found = people.find_session(engine, token) if token else None
    if found is None or found.merchant_id != merchant_id:
        raise SignInNeeded(slug)
    return SignedIn(
        engine=engine,
        merchant_id=merchant_id,
        slug=slug,
        email=found.email,
        name=found.name,
        role=found.role,
        source=source_of(request),
        language=language_from(request),
        csrf=form_token(engine, token),
    )


def check_form(person: SignedIn, form: dict[str, str]) -> None:
    """Refuse a form that did not come from a page of this session.

    Raises:
        Forbidden: ``foreign_form``.
    """
    if not hmac.compare_digest(form.get("csrf", "").encode(), person.csrf.encode()):
        raise Forbidden("foreign_form", "this form did not come from a page of this session")


def form_token(engine: Engine, session: str) -> str:
    """The token that every form of a session carries; a page of another site can not know it."""
    key = engine.vault.subkey("forms")
    return hmac.new(key, session.encode(), hashlib.sha256).hexdigest()[:40]


def keep_session(response: Response[object], engine: Engine, slug: str, token: str) -> None:
    """Put the session into a cookie that no script reads and no other site sends along."""
    response.set_cookie(
        COOKIE,
        token,
        path=f"/staff/{slug}",
        max_age=int(people.SESSION_LIVES.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=is_encrypted(engine),
    )
