"""What happened, as a sentence people read: one for each type of event, Indonesian and English.

Events hold numbers, dates and amounts but no personal data; whoever tells the diary looks the
customer's name up and hands it in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from core.calendars import civil_date
from invoices.wording import language_of, short_date, weekday_date
from ops import diary_words as words
from ops.diary_sentences import SENTENCES, Facts, Told

# Told often and of little interest to somebody who watches a business live.
QUIET: Final = frozenset({"message.sent", "plan.created", "price.published", "payment.settled"})


def sentence(
    type_: str, facts: Facts, *, who: str | None, locale: str, zone: str = "Asia/Jakarta"
) -> str:
    """Tell one event; a type without a sentence is told by its name.

    Args:
        facts: the event's payload.
        who: the customer's name, where one is known.
        locale: ``en…`` for English, Indonesian otherwise.
        zone: where dates of instants are read.
    """
    language = language_of(locale)
    both = SENTENCES.get(type_)
    someone = who or ("a customer" if language == "en" else "seorang pelanggan")
    told = Told(facts, someone, language, zone)
    return both[1 if language == "en" else 0](told) if both else type_


def is_no_news(type_: str, facts: Facts) -> bool:
    """An invoice that was paid in time ends its case too; nobody was chased."""
    return type_ == "dunning.ended" and facts.get("state") == "stopped"


def is_live(type_: str, facts: Facts) -> bool:
    """Whether it is told to who watches: beside the news, that a document is in the mail."""
    if type_ == "message.sent":
        return facts.get("kind") in words.MAILS
    return type_ not in QUIET and not is_no_news(type_, facts)


def dated(at: datetime, told: str, *, locale: str, zone: str, own_zone: str | None = None) -> str:
    """A line of a diary: the civil date in front, fixed in width so that sentences line up.

    Where the customer's clock shows another day than the merchant's, the line says so: a period
    in Jayapura begins two hours before midnight in Jakarta.
    """
    language = language_of(locale)
    day, own = civil_date(at, zone), civil_date(at, own_zone or zone)
    if own != day:
        there = short_date(own, language)
        told += f" ({there} there)" if language == "en" else f" (di sana {there})"
    return f"{short_date(day, language):>11}  {told}"


def heading(at: datetime, *, locale: str, zone: str) -> str:
    """A day as a heading: ``Senin, 1 Maret 2027``."""
    return weekday_date(civil_date(at, zone), language_of(locale))
