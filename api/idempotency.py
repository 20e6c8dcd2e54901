"""One effect and one answer for each ``Idempotency-Key``, whatever crashes on the way.

The key's row commits with the first commit of its operation, the answer with the last. A twin that
comes while the first is under way waits and gets the same answer; after a crash the next one
resumes where the first stopped. Ids are derived from the key, so that a resumed or repeated
operation finds what exists.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.params import HeaderParameter
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from api.auth import Caller, engine_of
from billing.engine import Engine
from core.clashes import repeated
from core.errors import Conflict, InvalidRequest
from core.tables import idempotency_keys
from core.vault import Vault
from core.work import Work

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
# How long a twin waits for the first before it is told to come back.
WAIT_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.05
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

Begin = Callable[[Work], UUID]
Finish = Callable[[Work, UUID], msgspec.Struct]
Call = Callable[[UUID], None]

KeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name=HEADER,
        description="Required. 1 to 255 visible ASCII characters, such as a random UUID; a new one "
        "for every new thing. The same key with the same request has one effect and one answer; "
        "with another request it is refused (`idempotency_key_reused`).",
    ),
]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Mine:
    """The operation is ours to go on with, from this subject."""

    subject_id: UUID


@dataclass(frozen=True, slots=True)
class Once:
    """One POST under its key.

    ``key`` is also what the ids of new things are derived from.
    """

    engine: Engine
    caller: Caller
    key: str
    operation: str
    fingerprint: bytes
    wait_seconds: float = WAIT_SECONDS

    def run(
        self,
        begin: Begin,
        finish: Finish,
        *,
        call: Call | None = None,
        status: int = 201,
        is_secret: bool = False,
        unkept: frozenset[str] = frozenset(),
    ) -> Response[Any]:
        """Do an operation once and answer it.

        Args:
            begin: does the first commit's work and returns the id of its subject. What it refuses
                leaves no trace of the key.
            finish: shapes the answer from what is committed.
            call: what happens between the two with no transaction open, such as asking the gateway.
                It must be safe to repeat. Without it there is one transaction.
            is_secret: the answer must not be stored; a repetition is told so.
            unkept: fields of an answer behind a ``call`` that are not stored; a repetition has
                null there, and reads the thing.

        Raises:
            Conflict: ``in_progress``, ``idempotency_key_reused``, ``answer_not_stored``.
        """
        entered = self._enter_patiently(begin, finish if call is None else None, status, is_secret)
        if isinstance(entered, _Mine):
            entered = self._go_on(entered, finish, call, status, unkept)
        return _respond(entered)

    def is_known(self) -> bool:
        """Whether this merchant has seen the key."""
        with self.engine.work(self.caller.merchant, self.caller.actor) as unit:
            return self._row(unit) is not None

    def _enter_patiently(
        self, begin: Begin, finish: Finish | None, status: int, is_secret: bool
    ) -> _Answer | _Mine:
        deadline = time.monotonic() + self.wait_seconds
        while True:
            # What met another transaction left no trace: neither of the key nor of its effect.
            entered = repeated(lambda: self._enter(begin, finish, status, is_secret))
            if entered is not None:
                return entered
            if time.monotonic() >= deadline:
                raise _in_progress()
            time.sleep(_POLL_SECONDS)

    def _enter(
        self, begin: Begin, finish: Finish | None, status: int, is_secret: bool
    ) -> _Answer | _Mine | None:
        """Claim the key and do the first commit, or find what became of it; None: wait."""
        with self.engine.work(self.caller.merchant, self.caller.actor) as unit:
            if not self._claim(unit):
                return self._found(unit)
            subject = begin(unit)
            if finish is None:
                self._note(unit, subject_id=subject, recovery_point="created")
                return _Mine(subject)
            body = msgspec.to_builtins(finish(unit, subject))
            kept = {"withheld": True} if is_secret else body
            self._answered(unit, status, kept, subject_id=subject)
            return _Answer(status, body, replayed=False)

    def _go_on(
        self, mine: _Mine, finish: Finish, call: Call | None, status: int, unkept: frozenset[str]
    ) -> _Answer:
        """Do the part behind the first commit; on any error the next caller may resume at once."""
        try:
            if call is not None:
                call(mine.subject_id)
            return repeated(lambda: self._finished(mine, finish, status, unkept))
        except Exception:
            self._release()
            raise

    def _finished(
        self, mine: _Mine, finish: Finish, status: int, unkept: frozenset[str]
    ) -> _Answer:
        with self.engine.work(self.caller.merchant, self.caller.actor) as unit:
            row = self._row(unit)
            if row is not None and row.response_status is not None:
                # Where the call outlasted our lease a twin has gone on, and was answered.
                return _Answer(row.response_status, row.response_body, replayed=True)
            body = msgspec.to_builtins(finish(unit, mine.subject_id))
            kept = {name: None if name in unkept else value for name, value in body.items()}
            self._answered(unit, status, kept)
            return _Answer(status, body, replayed=False)

    def _release(self) -> None:
        """Let the next caller with this key resume at once; where not even that works, later."""
        with (
            contextlib.suppress(SQLAlchemyError),
            self.engine.work(self.caller.merchant, self.caller.actor) as unit,
        ):
            self._note(unit, locked_until=unit.real_now)

    def _claim(self, unit: Work) -> bool:
        """Write the key's row; waits for a twin that is in its first transaction."""
        until = unit.real_now + timedelta(seconds=self.engine.settings.lease_seconds)
        statement = (
            insert(idempotency_keys)
            .values(
                merchant_id=unit.merchant_id,
                id=unit.derive("idempotency_key", self.key),
                key=self.key,
                caller=str(unit.actor),
                operation=self.operation,
                fingerprint=self.fingerprint,
                recovery_point="started",
                locked_until=until,
                created_at=unit.real_now,
            )
            .on_conflict_do_nothing()
            .returning(idempotency_keys.c.id)
        )
        try:
            return unit.session.execute(statement).one_or_none() is not None
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == "55P03":
                raise _in_progress() from error
            raise

    def _found(self, unit: Work) -> _Answer | _Mine | None:
        row = self._row(unit)
        if row is None:
            return None
        if row.fingerprint != self.fingerprint:
            raise Conflict(
                "idempotency_key_reused",
                "this key was used for another request: make a new one for a new thing",
                field=HEADER,
            )
        if row.response_status is not None:
            if row.response_body.get("withheld") is True:
                raise Conflict(
                    "answer_not_stored",
                    "this was done before; its answer held a secret and was shown once",
                )
            return _Answer(row.response_status, row.response_body, replayed=True)
        if row.locked_until > unit.real_now or row.subject_id is None:
            return None
        until = unit.real_now + timedelta(seconds=self.engine.settings.lease_seconds)
        self._note(unit, locked_until=until)
        return _Mine(row.subject_id)

    def _row(self, unit: Work) -> Row[Any] | None:
        return unit.session.execute(
            select(idempotency_keys)
            .where(
                idempotency_keys.c.merchant_id == unit.merchant_id,
                idempotency_keys.c.key == self.key,
            )
            .with_for_update()
        ).one_or_none()

    def _answered(self, unit: Work, status: int, body: Any, **values: Any) -> None:
        """Keep the answer, for as many days as the setting says."""
        until = unit.real_now + timedelta(days=self.engine.settings.idempotency_days)
        self._note(
            unit, recovery_point="finished", response_status=status, response_body=body,
            expires_at=until, **values,
        )  # fmt: skip

    def _note(self, unit: Work, **values: Any) -> None:
        """Add to the row of the key; an answer, once there, stays."""
        unit.session.execute(
            update(idempotency_keys)
            .where(
                idempotency_keys.c.merchant_id == unit.merchant_id,
                idempotency_keys.c.key == self.key,
                idempotency_keys.c.response_status.is_(None),
            )
            .values(**values)
        )


async def provide_once(request: Request[Any, Any, Any], idempotency_key: KeyHeader = None) -> Once:
    """Give a POST its key, bound to method, address and body."""
    key, engine = read_key(idempotency_key), engine_of(request.app)
    operation = f"{request.method} {request.url.path}"
    return Once(
        engine=engine,
        caller=cast(Caller, request.scope["state"]["caller"]),
        key=key,
        operation=operation,
        fingerprint=fingerprint(engine.vault, operation, await request.body()),
        wait_seconds=request.app.state.get("idempotency_wait_seconds", WAIT_SECONDS),
    )


def read_key(header: str | None) -> str:
    """Check what came in the header.

    Raises:
        InvalidRequest: ``idempotency_key_missing`` or ``invalid_idempotency_key``.
    """
    if header is None:
        raise InvalidRequest("idempotency_key_missing", f"send the header {HEADER}", field=HEADER)
    if _KEY.fullmatch(header) is None:
        raise InvalidRequest(
            "invalid_idempotency_key", "1 to 255 visible ASCII characters", field=HEADER
        )
    return header


def fingerprint(vault: Vault, operation: str, body: bytes) -> bytes:
    """What a key stands for: 32 bytes over method, address and body.

    Keyed, because a body may hold a password: a stolen row must be no short cut to guessing it.
    """
    secret = vault.subkey("idempotency")
    return hmac.new(secret, operation.encode() + b"\0" + body, hashlib.sha256).digest()


def _respond(answer: _Answer) -> Response[Any]:
    """Sorted keys: a repetition, read back from the database, has the same bytes."""
    return Response(
        msgspec.json.encode(answer.body, order="sorted"),
        status_code=answer.status,
        media_type="application/json",
        headers={REPLAYED: "true"} if answer.replayed else {},
    )


def _in_progress() -> Conflict:
    return Conflict("in_progress", "the first request with this key is still at work: try again")
