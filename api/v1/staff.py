"""Staff: people with roles, who sign in at the pages."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import get_row, list_rows
from api.routes import get, patch, post
from api.shapes import In, Instant, Out, Short, path_id
from api.v1.customers import Email
from billing.engine import Engine
from billing.flows import people
from core import ids
from core.tables import staff
from core.work import Work

Role = Literal["owner", "billing", "finance", "support", "read_only"]
Password = Annotated[
    str,
    Meta(
        min_length=12,
        max_length=200,
        description="12 to 200 characters. Kept only as argon2 makes it.",
    ),
]


class NewStaffIn(In):
    """A person; without a password they can not sign in yet."""

    email: Email
    name: Short
    role: Role
    password: Password | None = None


class StaffPatch(In):
    """Another role."""

    role: Role


class PasswordIn(In):
    """A new password; every session of theirs ends."""

    password: Password


class StaffOut(Out):
    """A person who works at the merchant."""

    id: str
    email: str
    name: str
    role: str
    created_at: Instant
    disabled_at: Instant | None

    @classmethod
    def of(cls, row: Any) -> StaffOut:
        """Shape a row."""
        return cls(
            id=ids.public("staff", row.id), email=row.email, name=row.name, role=row.role,
            created_at=row.created_at, disabled_at=row.disabled_at,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, staff_id: UUID) -> StaffOut:
        """Read one."""
        return cls.of(get_row(unit, staff, staff_id, "staff"))


class StaffController(Controller):
    """Routes of staff."""

    path = "/staff"
    tags = ("Staff",)

    @post("/", scope="admin", summary="Add a person")
    def create_staff(
        self, data: JSONBody[NewStaffIn], once: NamedDependency[Once]
    ) -> Response[StaffOut]:
        """Add a person to the merchant."""
        return once.run(
            lambda unit: people.create_staff(
                unit, email=data.email, name=data.name, role=data.role, password=data.password,
                key=once.key,
            ),
            StaffOut.read,
        )  # fmt: skip

    @get("/", scope="admin", summary="List staff")
    def list_staff(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window],
    ) -> Page[StaffOut]:  # fmt: skip
        """Newest first, disabled ones too."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, staff, window, {}), window, StaffOut.of)

    @get("/{staff_id:str}", scope="admin", summary="Get a person")
    def get_staff(
        self, staff_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> StaffOut:  # fmt: skip
        """One person."""
        wanted = path_id("staff", staff_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return StaffOut.read(unit, wanted)

    @patch("/{staff_id:str}", scope="admin", summary="Give another role")
    def change_staff(
        self, staff_id: FromPath[str], data: JSONBody[StaffPatch],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> StaffOut:  # fmt: skip
        """Give a person another role; the last owner stays one."""
        wanted = path_id("staff", staff_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            people.change_role(unit, wanted, data.role)
            return StaffOut.read(unit, wanted)

    @post("/{staff_id:str}/password", scope="admin", summary="Set a password", status=200)
    def set_password(
        self, staff_id: FromPath[str], data: JSONBody[PasswordIn], once: NamedDependency[Once]
    ) -> Response[StaffOut]:
        """Set a person's password; every session of theirs ends."""
        wanted = path_id("staff", staff_id)

        def begin(unit: Work) -> UUID:
            people.set_password(unit, wanted, data.password)
            return wanted

        return once.run(begin, StaffOut.read, status=200)

    @post("/{staff_id:str}/disable", scope="admin", summary="End a person's access", status=200)
    def disable_staff(
        self, staff_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[StaffOut]:
        """End it at once; the last owner stays."""
        wanted = path_id("staff", staff_id)

        def begin(unit: Work) -> UUID:
            people.disable_staff(unit, wanted)
            return wanted

        return once.run(begin, StaffOut.read, status=200)
