"""What the gateway has to do next, in sentences: charges that wait, and the busiest day to come."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from billing.engine import Engine
from billing.flows.pace import is_paced, read_forecast
from billing.reports.busy_days import busiest_day
from core.work import Work
from invoices.wording import clock_time, number, weekday_date

_WORDS: Final = {
    "id": {
        "down": "{n} penagihan menunggu: Midtrans tidak menjawab, dicoba lagi {at}.",
        "waiting": "{n} penagihan menunggu dikirim, selesai sekitar {at}.",
        "ahead": "Hari tersibuk sebulan ke depan: {day}, {n} penagihan. Dengan {rps} panggilan per "
        "detik selesai sekitar {at}.",
        "next_day": "Hari tersibuk sebulan ke depan: {day}, {n} penagihan. Dengan {rps} panggilan "
        "per detik baru selesai {until}, {at}: mintalah batas yang lebih tinggi ke Midtrans.",
    },
    "en": {
        "down": "Charges waiting: {n}. Midtrans does not answer, the next is tried at {at}.",
        "waiting": "Charges waiting to be sent: {n}, done at about {at}.",
        "ahead": "Charges on the busiest day of the coming month, {day}: {n}. At {rps} calls a "
        "second the last is sent at about {at}.",
        "next_day": "Charges on the busiest day of the coming month, {day}: {n}. At {rps} calls a "
        "second the last is sent only on {until}, {at}: ask Midtrans for a higher limit.",
    },
}


def told_ahead(engine: Engine, unit: Work, language: str) -> list[str]:
    """One sentence each for what waits now, and for what comes; empty where there is nothing.

    Times are those of the merchant's own zone.
    """
    words, zone = _WORDS[language], ZoneInfo(unit.merchant.billing_zone)
    said: list[str] = []
    found = read_forecast(unit) if is_paced(engine, unit) else None
    if found is not None and found.waiting:
        at = found.done_at or found.retry_at or unit.real_now
        key = "down" if found.done_at is None else "waiting"
        local = at.astimezone(zone)
        said.append(words[key].format(n=number(found.waiting), at=clock_time(local, language)))
    ahead = busiest_day(unit)
    if ahead is not None:
        local = ahead.done_at.astimezone(zone)
        said.append(
            words["ahead" if local.date() == ahead.day else "next_day"].format(
                day=weekday_date(ahead.day, language),
                n=number(ahead.calls),
                rps=number(unit.merchant.gateway_rps),
                at=clock_time(local, language),
                until=weekday_date(local.date(), language),
            )
        )
    return said
