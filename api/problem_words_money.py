"""Codes of refusals about plans, subscriptions, invoices and money, in English and Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.problem_words_usage import USAGE_WORDS

MONEY_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "already_canceled": ("The subscription has ended.", "Langganan sudah berakhir."),
    "already_invoiced": (
        "The time after the trial is invoiced already: void that invoice first.",
        "Masa setelah uji coba sudah ditagih: batalkan tagihan itu dulu.",
    ),
    "amount_outside_limits": (
        "This way to pay does not take this amount: see `GET /payment-methods`.",
        "Cara bayar ini tidak menerima jumlah itu: lihat `GET /payment-methods`.",
    ),
    "amount_too_large": (
        "The amount is too large for a document.",
        "Jumlahnya terlalu besar untuk sebuah dokumen.",
    ),
    "attempt_open": (
        "A charge of this invoice is under way: wait for its outcome.",
        "Invoice ini sedang ditagih: tunggu hasilnya.",
    ),
    "balance_spent": (
        "The customer has used this money since.",
        "Uang ini sudah dipakai pelanggan.",
    ),
    "top_up_is_no_debt": (
        "A top-up is no debt: refund what is left of it, or void it while it is unpaid.",
        "Isi saldo bukan utang: kembalikan sisanya, atau batalkan selagi belum dibayar.",
    ),
    "cancel_scheduled": (
        "The subscription is about to end: undo that first.",
        "Langganan akan berhenti: batalkan penghentiannya dulu.",
    ),
    "cards_on_page_only": (
        "This merchant takes cards on Midtrans' page only: use the channel `snap`.",
        "Merchant ini menerima kartu hanya di halaman Midtrans: pakai channel `snap`.",
    ),
    "change_outside_period": (
        "The change is not within the current period.",
        "Perubahan berada di luar periode berjalan.",
    ),
    "capture_exceeds_due": (
        "More than is due on the invoice.",
        "Lebih dari sisa tagihan invoice.",
    ),
    "capture_exceeds_hold": (
        "More than is held on the card.",
        "Lebih dari dana yang ditahan di kartu.",
    ),
    "card_not_allowed": (
        "This card is not one of those that may pay.",
        "Kartu ini tidak termasuk kartu yang boleh dipakai.",
    ),
    "card_terms_not_possible": (
        "`installment` and `allowed_bins` go with the `card_token` of a one-off payment.",
        "`installment` dan `allowed_bins` hanya untuk `card_token` pembayaran sekali.",
    ),
    "channel_not_offered": (
        "The merchant does not offer this way to pay.",
        "Merchant tidak menawarkan cara bayar ini.",
    ),
    "channel_not_pushed": (
        "We charge this way to pay: send a `card_token` or a `payment_method` instead.",
        "Cara bayar ini kami yang tagih: kirim `card_token` atau `payment_method`.",
    ),
    "credit_does_not_add_up": (
        "The credit does not add up with its tax.",
        "Nota kredit tidak cocok dengan pajaknya.",
    ),
    "credit_exceeds_document": (
        "More than is left of the invoice.",
        "Lebih dari sisa invoice.",
    ),
    "credit_exceeds_line": ("More than is left of the line.", "Lebih dari sisa baris."),
    "credit_exceeds_paid": (
        "More than was paid of the invoice and not given back yet.",
        "Lebih dari yang dibayar dan belum dikembalikan.",
    ),
    "currency_mismatch": ("The currencies differ.", "Mata uangnya berbeda."),
    "decision_under_way": (
        "A decision about this order is under way: ask again in a moment.",
        "Keputusan tentang order ini sedang dijalankan: tanyakan lagi sebentar lagi.",
    ),
    "decision_not_possible": (
        "This matter is not decided so; `detail` lists what is possible.",
        "Perkara ini tidak diputuskan seperti itu; `detail` menyebut yang mungkin.",
    ),
    "exceeds_due": ("More than is due on the invoice.", "Lebih dari sisa tagihan invoice."),
    "hold_not_possible": (
        "Only the `card_token` of a one-off payment can be held.",
        "Hanya `card_token` untuk pembayaran sekali yang dapat ditahan.",
    ),
    "illegal_invoice_move": (
        "An invoice in this state can not become that.",
        "Invoice dalam keadaan ini tidak dapat menjadi itu.",
    ),
    "illegal_move": (
        "Its state does not allow this.",
        "Keadaannya tidak mengizinkan ini.",
    ),
    "instrument_ending": (
        "The old number is being withdrawn: ask again soon.",
        "Nomor yang lama sedang ditutup: minta lagi sebentar lagi.",
    ),
    "instrument_open": (
        "The end of the open virtual account is not confirmed: ask again in a moment.",
        "Virtual account yang terbuka belum dipastikan tutup: coba lagi sebentar lagi.",
    ),
    "invoice_not_creditable": (
        "An invoice in this state is not credited.",
        "Invoice dalam keadaan ini tidak dikreditkan.",
    ),
    "invoice_not_issued": ("The invoice is no document yet.", "Invoice belum terbit."),
    "invoice_not_open": (
        "The invoice is not open: nothing is collected or sent.",
        "Invoice tidak terbuka: tidak ada yang ditagih atau dikirim.",
    ),
    "invoice_not_payable": (
        "An invoice in this state takes no money.",
        "Invoice dalam keadaan ini tidak menerima uang.",
    ),
    "invoice_not_voidable": (
        "It was paid, credited or voided: use a credit note.",
        "Sudah dibayar, dikreditkan atau dibatalkan: pakai nota kredit.",
    ),
    "line_does_not_add_up": (
        "A line differs from its derivation.",
        "Sebuah baris berbeda dari perhitungannya.",
    ),
    "mail_on_its_way": (
        "This mail is on its way, or was sent a moment ago.",
        "Surat ini sedang dikirim, atau baru saja dikirim.",
    ),
    "mandate_needed": (
        "A card is charged without its holder only with his consent: send the mandate.",
        "Kartu hanya ditagih tanpa pemegangnya dengan persetujuannya: kirim mandat.",
    ),
    "needs_new_price": (
        "Terms are not edited: publish a new price.",
        "Ketentuan tidak diubah: terbitkan harga baru.",
    ),
    "negative_total": (
        "An invoice is not below zero: credit instead.",
        "Invoice tidak boleh minus: pakai nota kredit.",
    ),
    "no_hosted_page": (
        "Cards can be left to a hosted page only, which this channel is not.",
        "Kartu hanya dapat diserahkan ke halaman pembayaran; channel ini bukan itu.",
    ),
    "invalid_phone": (
        "An Indonesian mobile number is needed, such as 081234567890.",
        "Diperlukan nomor ponsel Indonesia, misalnya 081234567890.",
    ),
    "no_linked_wallets": (
        "Charges of linked wallets are not switched on: `POST /payment-channels/gopay_linked`.",
        "Tagihan dompet terhubung belum aktif: `POST /payment-channels/gopay_linked`.",
    ),
    "no_recurring_cards": (
        "The Midtrans account may not charge saved cards alone: collect by `invoice`.",
        "Akun Midtrans tidak boleh menagih kartu tersimpan sendiri: tagih dengan `invoice`.",
    ),
    "no_tax_rate": (
        "There is no tax rate on that date.",
        "Tidak ada tarif pajak pada tanggal itu.",
    ),
    "no_tax_rounding": (
        "There is no rounding rule on that date.",
        "Tidak ada aturan pembulatan pada tanggal itu.",
    ),
    "not_changeable": (
        "A subscription in this state is not changed.",
        "Langganan dalam keadaan ini tidak diubah.",
    ),
    "not_in_review": ("The order waits for no decision.", "Order ini tidak menunggu keputusan."),
    "not_on_trial": ("The trial is over.", "Masa uji coba sudah berakhir."),
    "not_scheduled": (
        "The subscription is not about to end.",
        "Langganan ini tidak akan berhenti.",
    ),
    "nothing_on_invoice": (
        "No invoice keeps anything of this payment.",
        "Tidak ada invoice yang memakai pembayaran ini.",
    ),
    "nothing_to_change": (
        "The subscription already has this price and quantity.",
        "Langganan sudah memakai harga dan jumlah itu.",
    ),
    "nothing_to_credit": ("There is nothing to credit.", "Tidak ada yang dapat dikreditkan."),
    "nothing_to_refund": ("There is nothing to refund.", "Tidak ada yang dapat dikembalikan."),
    "one_means_needed": (
        "Name exactly one of `card_token`, `payment_method`, `virtual_account` and `channel`.",
        "Sebut tepat satu: `card_token`, `payment_method`, `virtual_account`, atau `channel`.",
    ),
    "order_not_held": (
        "This order holds nothing that could be decided: see `held`.",
        "Order ini tidak menahan apa pun yang dapat diputuskan: lihat `held`.",
    ),
    "order_not_open": (
        "The order is decided: nothing is left to end.",
        "Order sudah diputuskan: tidak ada yang dapat diakhiri.",
    ),
    "page_needs_a_payment": (
        "A hosted page saves a card with a payment, and a trial begins without one.",
        "Halaman pembayaran menyimpan kartu bersama pembayaran; masa coba mulai tanpa bayar.",
    ),
    "page_open": (
        "A page that does not keep this card is open: `POST /payment-orders/{id}/end`.",
        "Halaman yang tidak menyimpan kartu ini terbuka: `POST /payment-orders/{id}/end`.",
    ),
    "payee_approved": (
        "Another account was approved: reject it and ask anew.",
        "Rekening lain yang disetujui: tolak dan minta lagi.",
    ),
    "payee_needed": (
        "Nobody said where the money goes: reject the refund and ask anew with a `payee`.",
        "Rekening tujuan belum disebut: tolak pengembalian ini dan minta lagi dengan `payee`.",
    ),
    "phone_needed": (
        "This wallet asks on the customer's phone: give the customer one.",
        "Dompet ini bertanya di ponsel pelanggan: isi nomor ponselnya.",
    ),
    "payment_method_needed": (
        "Automatic collection needs a saved card, or the payer to confirm the first payment.",
        "Penagihan otomatis perlu kartu tersimpan, atau konfirmasi pembayaran pertama.",
    ),
    "payment_method_not_usable": (
        "This payment method has ended.",
        "Cara bayar ini sudah berakhir.",
    ),
    "payment_not_refundable": (
        "The payment was taken back.",
        "Pembayaran ini sudah ditarik kembali.",
    ),
    "plan_code_taken": ("There is a plan of this code.", "Kode paket ini sudah dipakai."),
    "plan_retired": ("The plan is retired.", "Paket ini tidak dijual lagi."),
    "price_not_sold": (
        "The plan or its price is retired.",
        "Paket atau harganya tidak dijual lagi.",
    ),
    "refund_differs": (
        "The refund would now go back by another way than it did: ask for it anew.",
        "Pengembalian ini kini akan lewat jalan lain: minta lagi.",
    ),
    "refund_exceeds_payment": (
        "More than is left of the payment.",
        "Lebih dari sisa pembayaran.",
    ),
    "refund_exceeds_unallocated": (
        "Not that much belongs to no invoice: name the invoice, or ask for less.",
        "Sebanyak itu tidak ada di luar invoice: sebut invoicenya, atau kurangi.",
    ),
    "refund_not_awaiting_approval": (
        "The refund waits for no agreement.",
        "Pengembalian ini tidak menunggu persetujuan.",
    ),
    "refund_not_awaiting_transfer": (
        "The refund waits for no transfer: approval is missing, or it is done.",
        "Pengembalian ini tidak menunggu transfer: belum disetujui, atau sudah selesai.",
    ),
    "refund_not_manual": (
        "The refund waits for no person.",
        "Pengembalian ini tidak menunggu orang.",
    ),
    "renewal_due": (
        "The subscription is being renewed: ask again in a moment.",
        "Langganan sedang diperpanjang: coba lagi sebentar lagi.",
    ),
    "rest_needed": (
        "Less than is due is captured: say what becomes of the rest, `due` or `credit`.",
        "Yang ditagih kurang dari sisa tagihan: sebut nasib sisanya, `due` atau `credit`.",
    ),
    "review_closed": ("This matter was decided already.", "Perkara ini sudah diputuskan."),
    "second_person_needed": (
        "Who approves must be another person than who asked.",
        "Yang menyetujui harus orang lain daripada yang meminta.",
    ),
    "invalid_starts_on": (
        "A subscription starts today or at most two years ahead.",
        "Langganan dimulai hari ini atau paling lama dua tahun lagi.",
    ),
    "too_many_attempts": (
        "The invoice was tried too often.",
        "Invoice ini sudah terlalu sering dicoba.",
    ),
    "two_means": (
        "Give a `card_token` or a `payment_method`, not both.",
        "Beri `card_token` atau `payment_method`, jangan keduanya.",
    ),
    "unsupported_currency": ("Prices are in rupiah.", "Harga dalam rupiah."),
    **USAGE_WORDS,
}
