"""What the codes of usage mean and what to do: of refusals, and of single events of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EVENT_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "corrected_event_not_found": (
        "No event of this subscription and name has the key that is corrected.",
        "Tidak ada kejadian langganan ini dengan nama dan kunci yang dikoreksi itu.",
    ),
    "event_before_start": (
        "The event lies before the subscription began.",
        "Kejadian ini sebelum langganan dimulai.",
    ),
    "event_corrected_before": (
        "The event was corrected before: correct that correction, by its key.",
        "Kejadian ini sudah dikoreksi: koreksilah koreksinya, dengan kuncinya.",
    ),
    "event_in_future": (
        "The event lies more than five minutes ahead: look at the sender's clock.",
        "Kejadian ini lebih dari lima menit di depan: periksa jam pengirimnya.",
    ),
    "event_key_reused": (
        "The key names an event of another content: a key is for one event.",
        "Kunci ini milik kejadian dengan isi lain: satu kunci untuk satu kejadian.",
    ),
    "event_too_old": (
        "The event is older than its meter takes (`late_days`).",
        "Kejadian ini lebih tua daripada yang diterima meternya (`late_days`).",
    ),
    "period_billed": (
        "What was used then is billed, and the meter refuses late events.",
        "Pemakaian saat itu sudah ditagih, dan meternya menolak kejadian terlambat.",
    ),
    "subscription_ended": (
        "The subscription has ended, or ends before then: its usage is billed to its end.",
        "Langganan sudah berakhir, atau akan berakhir sebelum itu: pemakaiannya ditagih.",
    ),
    "subscription_not_served": (
        "The subscription was paused or unpaid on that day: nothing was used.",
        "Pada hari itu langganan dijeda atau tidak dibayar: tidak ada pemakaian.",
    ),
    "unknown_event_name": (
        "No meter counts events of this name.",
        "Tidak ada meter yang menghitung kejadian dengan nama ini.",
    ),
    "unusable_value": (
        "The meter's field is missing or no exact number: a whole one, or text such as `0.5`.",
        "Isian meter tidak ada atau bukan angka pasti: bilangan bulat, atau teks seperti `0.5`.",
    ),
    "void_corrects_nothing": (
        "A void names the key that it takes away, in `corrects`.",
        "Pembatalan menyebut kunci yang dibatalkan, di `corrects`.",
    ),
}
USAGE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    **EVENT_WORDS,
    "meter_twice": (
        "Two items of a subscription would bill what one meter counts: its usage is billed once.",
        "Dua item langganan akan menagih hitungan meter yang sama: pemakaian ditagih sekali saja.",
    ),
    "meter_retired": ("The meter is retired.", "Meter ini tidak dipakai lagi."),
    "too_many_events": (
        "A batch has at most 1,000 events: send the rest in another.",
        "Satu kiriman paling banyak 1.000 kejadian: kirim sisanya dalam kiriman lain.",
    ),
}
