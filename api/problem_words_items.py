"""What the codes of items, own prices and discounts mean and what to do, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ITEM_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "move_running": (
        "A move of this version is not finished: wait for it, or undo it.",
        "Pemindahan dari versi ini belum selesai: tunggu, atau batalkan.",
    ),
    "versions_not_alike": (
        "Subscribers are moved between versions of one plan with the same interval and tax mode.",
        "Pelanggan hanya dipindahkan antarversi satu paket yang interval dan cara pajaknya sama.",
    ),
    "catalogue_moved": (
        "The catalogue has changed since the plan was made: plan again; `values` says how.",
        "Katalog berubah sejak rencana dibuat: buat rencana lagi; `values` menunjukkan bedanya.",
    ),
    "change_waits": (
        "A change of the plan waits for the period's end: drop it first, or wait for it.",
        "Pergantian paket menunggu akhir periode: batalkan dulu, atau tunggu.",
    ),
    "code_below_minimum": (
        "The code is for a larger price a period: see the discount's `minimum_amount`.",
        "Kode ini untuk harga per periode yang lebih besar: lihat `minimum_amount`.",
    ),
    "code_given_already": (
        "The subscription has this discount.",
        "Langganan ini sudah memakai diskon itu.",
    ),
    "code_new_customers": (
        "The code is for customers without a subscription before.",
        "Kode ini untuk pelanggan yang belum pernah berlangganan.",
    ),
    "code_not_for_plan": (
        "The code is for other plans.",
        "Kode ini untuk paket lain.",
    ),
    "code_not_found": (
        "There is no such code.",
        "Kode itu tidak ada.",
    ),
    "code_not_yet": (
        "The code can not be used yet.",
        "Kode ini belum berlaku.",
    ),
    "code_over": (
        "The code can not be used any more.",
        "Masa berlaku kode ini sudah habis.",
    ),
    "code_stopped": (
        "The code is not given any more.",
        "Kode ini sudah dihentikan.",
    ),
    "code_taken": (
        "There is a discount with this code already: stopped codes are not used again.",
        "Kode ini sudah ada: kode yang dihentikan tidak dipakai lagi.",
    ),
    "code_used_by_customer": (
        "The customer has used the code as often as one customer may.",
        "Pelanggan ini sudah memakai kode itu sebanyak yang dibolehkan.",
    ),
    "code_used_up": (
        "The code has been used as often as it may.",
        "Kuota kode ini sudah habis.",
    ),
    "discount_not_found": (
        "There is no such discount, or the subscription does not have it any more.",
        "Diskon itu tidak ada, atau langganan sudah tidak memakainya.",
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
    "too_many_codes": (
        "A sign-up takes at most 5 codes.",
        "Satu pendaftaran memakai paling banyak 5 kode.",
    ),
    "too_many_items": (
        "A subscription has at most 20 items.",
        "Satu langganan berisi paling banyak 20.",
    ),
}
