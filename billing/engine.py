"""The parts wired together at start: database, vault, gateways, mail, time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.actor import Actor
from core.clock import utc_now
from core.db import Sessions, connect
from core.mail import Mailer, SmtpMailer
from core.merchant import Merchant
from core.settings import Settings
from core.vault import Vault
from core.work import Work, work
from payments.adapters.midtrans.gateways import MidtransGateways
from payments.gateway import Gateway


class Gateways(Protocol):
    """Finds the gateway of a merchant."""

    def of(self, merchant: Merchant) -> Gateway:
        """The gateway with this merchant's own keys and address."""


@dataclass(frozen=True)
class Engine:
    """What a flow needs when it opens its own transactions.

    ``real_now`` is the only source of machine time below the edge; tests put another in its place.
    """

    settings: Settings
    db: Sessions
    vault: Vault
    gateways: Gateways
    mailer: Mailer
    real_now: Callable[[], datetime] = utc_now

    @contextmanager
    def work(self, merchant_id: UUID, actor: Actor) -> Iterator[Work]:
        """One transaction inside one merchant; commits at the end."""
        with work(self.db, merchant_id, actor=actor, real_now=self.real_now()) as unit:
            yield unit

    def close(self) -> None:
        """Give every connection back."""
        self.db.close()


def build_engine(settings: Settings) -> Engine:
    """Wire the parts for one process.

    Raises:
        ValueError: a setting this process can not do without is missing.
    """
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set")
    vault = Vault([(key.key_id, key.secret) for key in settings.master_keys])
    return Engine(
        settings=settings,
        db=connect(
            settings.database_url,
            role_prefix=settings.role_prefix,
            pool_size=settings.db_pool_size,
        ),
        vault=vault,
        gateways=MidtransGateways(settings, vault),
        mailer=SmtpMailer.from_settings(settings),
    )
