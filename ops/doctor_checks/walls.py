"""Walls between merchants: row security forced, and roles that own nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from ops.doctor_checks.check import Broken, Check, Found, Moment, found
from ops.migrate import ROLES


def _forced(session: Session, moment: Moment) -> Found:
    rows = session.execute(
        text(
            """
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                EXISTS (SELECT 1 FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
                    WHERE p.polrelid = c.oid AND p.polname = 'merchant_wall'
                    AND p.polpermissive AND r.rolname = :app) AS walled,
                (SELECT count(*) FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
                    WHERE p.polrelid = c.oid AND p.polpermissive
                    AND r.rolname = :app) AS policies,
                EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid
                    AND 0 = ANY (p.polroles)) AS to_all
            FROM pg_class c
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
                AND c.relname <> 'alembic_version'
            ORDER BY c.relname
            """
        ),
        {"app": f"{moment.role_prefix}_app"},
    )

    def broken() -> Iterator[Broken]:
        for row in rows:
            if not row.forced:
                yield Broken("-", f"table {row.relname}", "row-level security is not forced")
            if not row.walled or row.policies != 1 or row.to_all:
                # A restrictive one only narrows what the wall lets through.
                why = "not exactly one policy for the application's role"
                yield Broken("-", f"table {row.relname}", why)

    return found(broken())


def _powerless(session: Session, moment: Moment) -> Found:
    names = [f"{moment.role_prefix}_{role}" for role in ROLES]
    rows = session.execute(
        text(
            """
            SELECT r.rolname, r.rolsuper OR r.rolbypassrls AS above,
                (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid) AS owns
            FROM pg_roles r WHERE r.rolname = ANY (:names) ORDER BY r.rolname
            """
        ),
        {"names": names},
    ).all()

    def broken() -> Iterator[Broken]:
        for missing in sorted(set(names) - {row.rolname for row in rows}):
            yield Broken("-", f"role {missing}", "does not exist")
        for row in rows:
            if row.above:
                yield Broken("-", f"role {row.rolname}", "is above row-level security")
            if row.owns:
                yield Broken("-", f"role {row.rolname}", f"owns {row.owns} relations")

    return found(broken())


CHECKS = (
    Check(
        "walls-stand",
        "Row-level security is forced on every table, with one door for the application.",
        _forced,
    ),
    Check(
        "roles-own-nothing",
        "The roles that requests run under own nothing and can not pass row-level security.",
        _powerless,
    ),
)
