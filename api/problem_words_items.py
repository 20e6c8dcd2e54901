"""What the codes of items, own prices and discounts mean and what to do, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ITEM_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "change_waits": (
        "A change of the plan waits for the period's end: drop it first, or wait for it.",
        "Pergantian paket menunggu akhir periode: batalkan dulu, atau tunggu.",
    ),
    "invalid_setup_amount": (
        "A setup fee is whole rupiah, 0 or more.",
        "Biaya awal berupa rupiah utuh, 0 atau lebih.",
    ),
    "item_interval": (
        "All items of a subscription are billed by one interval: take a price of that interval.",
        "Semua isi langganan ditagih dengan jangka yang sama: pakai harga dengan jangka itu.",
    ),
    "item_not_begun": (
        "The item begins with the next period: change it with `at_period_end`.",
        "Isi ini baru mulai periode berikutnya: ubah dengan `at_period_end`.",
    ),
    "item_not_found": (
        "The subscription has no such item: see `GET /subscriptions/{id}/items`.",
        "Langganan tidak berisi itu: lihat `GET /subscriptions/{id}/items`.",
    ),
    "item_tax_mode": (
        "Either all items of a subscription have their tax inside, or none has.",
        "Semua isi langganan sudah termasuk PPN, atau semuanya belum.",
    ),
    "items_in_the_way": (
        "Other items are billed by the present interval and tax mode: remove them first.",
        "Isi lain ditagih dengan jangka dan cara PPN sekarang: hapus dulu.",
    ),
    "override_not_found": (
        "This customer has no such price of his own.",
        "Pelanggan ini tidak punya harga khusus itu.",
    ),
    "price_needed": (
        "Say which price is added.",
        "Sebutkan harga yang ditambahkan.",
    ),
    "too_many_items": (
        "A subscription has at most 20 items.",
        "Satu langganan berisi paling banyak 20.",
    ),
}
