"""Keys of machines. A secret is shown once, when it is made."""

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
from api.routes import get, post
from api.shapes import In, Instant, Out, path_id
from billing.engine import Engine
from billing.flows.machine_keys import NewKey, create_key, revoke_key, rotate_key
from core import ids
from core.tables import api_keys
from core.work import Work


class NewKeyIn(In):
    """A key to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="What it is for.")]
    scopes: Annotated[
        list[Literal["read", "write", "refund", "approve", "admin"]],
        Meta(
            min_length=1,
            max_length=5,
            description="`write`, `refund` and `approve` bring `read`, `admin` brings all but "
            "`approve`.",
        ),
    ]


class RotateIn(In):
    """How long the old key works on."""

    overlap_hours: Annotated[int, Meta(ge=0, le=168)] = 24


class KeyOut(Out):
    """A key, without its secret."""

    id: str
    name: str
    hint: Annotated[str, Meta(description="The last four characters of the secret.")]
    scopes: list[str]
    created_at: Instant
    created_by: str
    expires_at: Instant | None
    revoked_at: Instant | None

    @classmethod
    def of(cls, row: Any) -> KeyOut:
        """Shape a row."""
        return cls(
            id=ids.public("key", row.id), name=row.name, hint=row.hint, scopes=row.scopes,
            created_at=row.created_at, created_by=row.created_by, expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, key_id: UUID) -> KeyOut:
        """Read one."""
        return cls.of(get_row(unit, api_keys, key_id, "key"))


class KeyMadeOut(Out):
    """A key just made."""

    key: KeyOut
    secret: Annotated[
        str,
        Meta(description="Shown this once. A repetition of the request answers 409."),
    ]


class KeysController(Controller):
    """Routes of keys."""

    path = "/keys"
    tags = ("Keys",)

    @post("/", scope="admin", summary="Create a key")
    def create_key(
        self, data: JSONBody[NewKeyIn], once: NamedDependency[Once]
    ) -> Response[KeyMadeOut]:
        """Make a key. Only its SHA-256 is kept."""
        return _make(
            once, lambda unit: create_key(unit, name=data.name, scopes=data.scopes, key=once.key)
        )

    @get("/", scope="admin", summary="List keys")
    def list_keys(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window],
    ) -> Page[KeyOut]:  # fmt: skip
        """Newest first, ended ones too."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, api_keys, window, {}), window, KeyOut.of)

    @get("/{key_id:str}", scope="admin", summary="Get a key")
    def get_key(
        self, key_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> KeyOut:  # fmt: skip
        """One key."""
        wanted = path_id("key", key_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return KeyOut.read(unit, wanted)

    @post("/{key_id:str}/rotate", scope="admin", summary="Rotate a key")
    def rotate_key(
        self, key_id: FromPath[str], data: JSONBody[RotateIn], once: NamedDependency[Once]
    ) -> Response[KeyMadeOut]:
        """Make its successor; the old key works on for the overlap."""
        wanted = path_id("key", key_id)
        return _make(
            once,
            lambda unit: rotate_key(unit, wanted, overlap_hours=data.overlap_hours, key=once.key),
        )

    @post("/{key_id:str}/revoke", scope="admin", summary="Revoke a key", status=200)
    def revoke_key(self, key_id: FromPath[str], once: NamedDependency[Once]) -> Response[KeyOut]:
        """End a key at once."""
        wanted = path_id("key", key_id)

        def end(unit: Work) -> UUID:
            revoke_key(unit, wanted)
            return wanted

        return once.run(end, KeyOut.read, status=200)


def _make(once: Once, make: Any) -> Response[KeyMadeOut]:
    """The secret lives in memory only, between the two halves of one transaction."""
    made: list[NewKey] = []

    def begin(unit: Work) -> UUID:
        made.append(make(unit))
        return made[0].id

    return once.run(
        begin,
        lambda unit, key_id: KeyMadeOut(key=KeyOut.read(unit, key_id), secret=made[0].secret or ""),
        is_secret=True,
    )
