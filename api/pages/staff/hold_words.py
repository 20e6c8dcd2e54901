"""Words of the page of a held card payment, Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HOLD_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "title": "Pembayaran kartu yang ditahan",
        "authorized": "Dana ditahan di kartu, belum ditagih",
        "challenge": "Diragukan sistem antipenipuan Midtrans: belum lunas, belum gagal",
        "none": "Tidak ada lagi yang ditahan di sini",
        "under_way": "Keputusan sedang dijalankan",
        "amount": "Jumlah",
        "due": "Sisa tagihan invoice",
        "invoice": "Invoice",
        "until": "Berakhir sendiri sekitar",
        "order_id": "Order di Midtrans",
        "capture": "Tagih",
        "release": "Lepaskan",
        "approve": "Setujui",
        "deny": "Tolak",
        "how_much": "Berapa (kosong = semuanya)",
        "rest": "Sisa tagihannya",
        "rest_due": "tetap ditagih",
        "rest_credit": "dihapus dengan nota kredit",
        "reason": "Alasan",
        "preview": "Lihat akibatnya",
        "happens": "Yang akan terjadi",
        "does_capture": "{taken} ditagih dari kartu. Ini hanya dapat dilakukan sekali; sisa dana "
        "yang ditahan dilepas.",
        "does_due": "{rest} tetap terutang pada invoice dan ditagih lagi.",
        "does_credit": "{rest} dihapus dari invoice dengan nota kredit.",
        "does_release": "{amount} dilepas ke pemegang kartu. Invoice tetap terutang; bila tidak "
        "perlu dibayar, batalkan invoicenya.",
        "does_approve": "{amount} diterima dan invoice menjadi lunas.",
        "does_deny": "{amount} kembali ke pemegang kartu. Kartu ini tidak ditagih lagi untuk "
        "invoice ini; invoice tetap terutang.",
        "confirm": "Ya, lakukan",
        "keep": "Jangan",
    },
    "en": {
        "title": "A card payment that is held",
        "authorized": "Held on the card, not charged",
        "challenge": "Questioned by Midtrans' fraud system: neither paid nor failed",
        "none": "Nothing is held here any more",
        "under_way": "A decision is being carried out",
        "amount": "Amount",
        "due": "Due on the invoice",
        "invoice": "Invoice",
        "until": "Ends by itself about",
        "order_id": "Order at Midtrans",
        "capture": "Capture",
        "release": "Release",
        "approve": "Approve",
        "deny": "Deny",
        "how_much": "How much (empty = all of it)",
        "rest": "The rest of the invoice",
        "rest_due": "stays due",
        "rest_credit": "is taken back by a credit note",
        "reason": "Reason",
        "preview": "See what happens",
        "happens": "What will happen",
        "does_capture": "{taken} is charged to the card. This can be done once; the rest of what "
        "is held is let go.",
        "does_due": "{rest} stays due on the invoice and is asked for again.",
        "does_credit": "{rest} is taken off the invoice by a credit note.",
        "does_release": "{amount} is let go. The invoice stays due; void it if it need not be "
        "paid.",
        "does_approve": "{amount} is taken and the invoice is paid.",
        "does_deny": "{amount} goes back to the card's holder. The card is not charged again for "
        "this invoice; the invoice stays due.",
        "confirm": "Yes, do it",
        "keep": "No",
    },
}
