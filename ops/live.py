"""What a running instance prints as it happens: sentences about customers, with their names.

The parts log events without personal data; the name is looked up here, for the terminal only, and
written nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from core.db import Sessions, connect
from core.settings import Settings
from ops import diary

_ABOUT = text(
    """
    SELECT m.locale, m.billing_zone, c.name, c.billing_zone AS own_zone, i.number
    FROM merchants m
    LEFT JOIN customers c ON c.merchant_id = m.merchant_id AND c.id = :customer
    LEFT JOIN dunning_cases d ON d.merchant_id = m.merchant_id AND d.id = :subject
    LEFT JOIN payment_orders o ON o.merchant_id = m.merchant_id AND o.id = :subject
    LEFT JOIN invoices i ON i.merchant_id = m.merchant_id
        AND i.id = coalesce(d.invoice_id, o.invoice_id)
    WHERE m.slug = :merchant
    """
).bindparams(bindparam("customer", type_=Uuid()), bindparam("subject", type_=Uuid()))
# After a failure names are left out for a while: what happens is told all the same.
_REST_SECONDS = 10.0


class Teller:
    """Turns log records of the diary into lines, in the language of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._db: Sessions | None = None
        self._lock = threading.Lock()
        self._rest_until = 0.0

    def line(self, record: Mapping[str, Any]) -> str | None:
        """The line for one record; None where it is no news."""
        facts = dict(record.get("diary") or {})
        if not facts:
            return str(record.get("message") or "") or None
        type_ = str(facts.get("type") or "")
        if not diary.is_live(type_, facts):
            return None
        about = self._about(facts)
        own = str(about.get("locale") or "id")
        locale = own if self._settings.language == "merchant" else self._settings.language
        zone = str(about.get("billing_zone") or "Asia/Jakarta")
        if about.get("number"):
            facts.setdefault("number", about["number"])
        who = str(about["name"]) if about.get("name") else None
        told = diary.sentence(type_, facts, who=who, locale=locale, zone=zone)
        at = facts.get("at")
        if not at:
            return told
        return diary.dated(
            datetime.fromisoformat(str(at)),
            told,
            locale=locale,
            zone=zone,
            own_zone=about.get("own_zone"),
        )

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            db, self._db = self._db, None
        if db is not None:
            db.close()

    def _about(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._settings.database_url is None or time.monotonic() < self._rest_until:
            return {}
        with self._lock:
            if self._db is None:
                self._db = connect(
                    self._settings.database_url,
                    role_prefix=self._settings.role_prefix,
                    pool_size=1,
                )
            db = self._db
        try:
            with db.reader() as session:
                row = session.execute(
                    _ABOUT,
                    {
                        "merchant": facts.get("merchant"),
                        "customer": _id(facts.get("customer_id")),
                        "subject": _id(str(facts.get("subject") or "").rpartition(":")[2]),
                    },
                ).one_or_none()
        except SQLAlchemyError:
            self._rest_until = time.monotonic() + _REST_SECONDS
            return {}
        return {} if row is None else dict(row._mapping)


def _id(value: object) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None
