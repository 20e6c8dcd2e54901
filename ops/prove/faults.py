"""Everything that may go wrong, how often, and how often it did."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ops.prove.actors import Actor, Stage
from ops.prove.census import WAYS, Hunt

# Two faults met where the second struck within this time after the first: so long a lost charge or
# a late notification may still be on its way.
MEETING: Final = timedelta(hours=72)
# Kind → how often in a million, where it may strike; grouped by where.
STATEMENT: Final = {"kill": 1_000, "connection_lost": 100, "disk_full": 100,
    "kill_after_statement": 100,
    "pause_at_statement": 20,  # longer than a lease; a transaction under way is lost
    "serialization_failure": 50,
    "pool_exhausted": 100,  # felt at the first statement of a transaction
}  # fmt: skip
COMMIT: Final = {
    "kill_before": 3_000, "kill_after": 4_000, "commit_unheard": 1_000, "pause_after_commit": 200,
}  # fmt: skip
CHARGE: Final = {
    "refused": 20_000,  # the connection was never made
    "timeout_before": 50_000,
    "timeout_after": 100_000,
    "late_effect": 60_000,  # it reaches the bank seconds to thirty hours later
    "reset": 25_000,
    "server_error_before": 20_000,
    "server_error_after": 20_000,
    "html": 15_000,
    "on_process": 15_000,
    "too_many": 10_000,
    "wrong_answer": 15_000,  # it speaks of another order or amount
    "slow": 15_000,
    "kill_before_call": 30_000,
    "kill_after_effect": 40_000,
    "pause_before_call": 15_000,  # longer than a lease
    "pause_after_call": 15_000,
    "declined": 90_000,
    "card_ended": 15_000,
    "fraud_challenge": 0,  # where there is a fraud desk: a person must say yes or no
    "unauthorized": 5_000,  # 401: the merchant's key was taken back for a moment
    "duplicate_order": 0,  # 406, counted where the gateway has the order already
}
STATUS: Final = {
    "status_timeout": 60_000,
    "status_lag": 80_000,  # 404 though the charge exists
    "status_stale": 60_000,
    "status_error": 30_000,
}
END: Final = {"end_timeout_before": 80_000, "end_timeout_after": 120_000, "end_error": 40_000}
NEWS: Final = {
    "news_lost": 120_000,
    "news_late": 80_000,
    "news_twice": 120_000,
    "news_forged": 30_000,
    "news_amended": 60_000,  # a genuine signature over other unsigned fields
    "news_replayed": 40_000,
    "news_of_unknown_order": 10_000,
}
MAIL: Final = {
    "mail_refused_for_now": 20_000, "mail_answer_lost": 10_000, "kill_before_mail": 3_000,
    "kill_after_mail": 3_000,
    "mail_slow": 20_000,  # seconds, and others go on meanwhile
}  # fmt: skip
MOMENT: Final = {
    "dark": 25_000,  # nothing runs for an hour to a month
    "no_scheduler": 40_000,
    "many_schedulers": 30_000,
    "skewed_clocks": 60_000,
    "brown_out": 25_000,
    "database_restart": 15_000,
    "double_click": 0,  # counted where people are
    "clock_jumps": 20_000,  # one process is two hours ahead or behind for a while
    "asked_to_stop": 20_000,  # SIGTERM: workers end after the bell they answer
}
# How often in a million histories; see `ops.prove.restore`.
HISTORY: Final = {
    "restored": 80_000,  # an older backup is all there is: hours to days are lost
    "failed_over": 80_000,  # a standby that lacks the last commits is promoted
}
GROUPS: Final = {
    "history": HISTORY,
    "statement": STATEMENT,
    "commit": COMMIT,
    "charge": CHARGE,
    "status": STATUS,
    "end": END,
    "news": NEWS,
    "mail": MAIL,
    "moment": MOMENT,
}
KINDS: Final = tuple(kind for group in GROUPS.values() for kind in group)
KILLS: Final = tuple(kind for kind in KINDS if kind.startswith("kill"))


@dataclass
class Faults:
    """The dice of one history. ``off`` kinds never strike; ``quiet`` ends all trouble."""

    dice: random.Random
    stage: Stage
    off: frozenset[str] = frozenset()
    scale: int = 1
    # How often a kind strikes in a million, where that is not the usual.
    weather: Mapping[str, int] = field(default_factory=dict)
    quiet: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    killed_at: Counter[str] = field(default_factory=Counter)
    hunt: Hunt | None = None
    desk: bool = False  # whether a fraud desk looks at charges
    banks: bool = False  # whether banks refuse refunds: where lives are full of turns
    # How often each site was struck in which way.
    struck_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    _last: dict[str, datetime] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    # When what struck whom, and about which order where it is known.
    struck_at: list[tuple[datetime, str, str, str | None]] = field(default_factory=list)

    def draw(self, group: str, order_id: str | None = None) -> str | None:
        """What strikes here, if anything; it is counted as having struck."""
        luck = self.dice.randrange(1_000_000)
        if self.quiet:
            return None
        for kind, often in GROUPS[group].items():
            luck -= self.weather.get(kind, often * self.scale)
            if luck < 0:
                if kind in self.off:
                    return None
                self.struck(kind, order_id)
                return kind
        return None

    def struck(self, kind: str, order_id: str | None = None) -> None:
        """Count one fault, and with which others of the last days it met."""
        self.counts[kind] += 1
        who = self.stage.me()
        self.stage.note(f"fault {kind}")
        self.struck_at.append((self.stage.now, kind, who.name if who else "-", order_id))
        since = self.stage.now - MEETING
        for other, at in self._last.items():
            if other != kind and at >= since:
                self.pairs.add((min(kind, other), max(kind, other)))
        self._last[kind] = self.stage.now

    def hunted(self, group: str, site: str, order_id: str | None = None) -> str | None:
        """A place was passed: what the hunt has for it, if anything; counted as having struck."""
        self.sites[site] += 1
        if self.quiet or self.hunt is None:
            return None
        kind = self.hunt.at(group, site)
        if kind is None or kind in self.off:
            return None
        self.struck(kind, order_id)
        self.mark(group, site, kind)
        return kind

    def mark(self, group: str, site: str, kind: str | None) -> None:
        """Note that a place was struck."""
        if kind in WAYS[group]:
            self.struck_in[site, kind] += 1
        if kind in KILLS:
            self.killed_at[site] += 1

    def at_statement(self, actor: Actor, site: str) -> str | None:  # noqa: ARG002
        """See `ops.prove.statements.Strikes`."""
        return self._at("statement", site)

    def at_commit(self, actor: Actor, site: str) -> str | None:  # noqa: ARG002
        """See `ops.prove.statements.Strikes`."""
        return self._at("commit", site)

    def at_mail(self, site: str) -> str | None:
        """What happens to a mail, if anything."""
        return self._at("mail", site)

    def _at(self, group: str, site: str) -> str | None:
        kind = self.hunted(group, site)
        if kind is not None:
            return kind
        kind = self.draw(group)
        self.mark(group, site, kind)
        return kind

    def challenges(self) -> bool:
        """Whether the fraud desk questions this charge."""
        may = (self.desk or self.hunt is not None) and "fraud_challenge" not in self.off
        return may and not self.quiet and self.dice.random() < 0.03

    def refuses(self, order_id: str) -> bool:
        """Whether the payer's bank refuses this refund for good."""
        may = self.banks and not self.quiet and "refund_refused" not in self.off
        if not may or self.dice.randrange(1_000_000) >= self.weather.get("refund_refused", 100_000):
            return False
        self.struck("refund_refused", order_id)
        return True

    def how_long(self) -> timedelta:
        """How long a pause lasts: longer than a lease."""
        return timedelta(minutes=self.dice.choice([2, 11, 45, 240]))
