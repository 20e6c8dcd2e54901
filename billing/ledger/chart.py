"""The accounts, what each means, and the names a bookkeeper in Indonesia knows them by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Side = Literal["debit", "credit"]


class Account(StrEnum):
    """The role of an account; what is stored. Codes and names are the merchant's to map."""

    BANK = "bank"
    GATEWAY_CLEARING = "gateway_clearing"
    RECEIVABLE = "receivable"
    CONTRACT_ASSET = "contract_asset"
    PREPAID_PPH23 = "prepaid_pph23"
    INPUT_VAT = "input_vat"
    DEFERRED_REVENUE = "deferred_revenue"
    OUTPUT_VAT = "output_vat"
    VAT_NOT_DUE = "vat_not_due"
    CUSTOMER_CREDIT = "customer_credit"
    PROMOTIONAL_CREDIT = "promotional_credit"
    TOP_UP_ASKED = "top_up_asked"
    REVENUE = "revenue"
    ONE_OFF_REVENUE = "one_off_revenue"
    RETURNS = "returns"
    PROMOTIONS = "promotions"
    EXPIRED_BALANCE = "expired_balance"
    GATEWAY_FEE = "gateway_fee"
    BAD_DEBT = "bad_debt"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """How an account is called, on which side it grows, and an example code (n-nnnn)."""

    account: Account
    name_id: str
    name_en: str
    side: Side
    code: str
    meaning: str


_ROWS: Final = (
    AccountInfo(
        Account.BANK,
        "Kas dan Bank",
        "Cash and bank",
        "debit",
        "1-1001",
        "money on the merchant's own account",
    ),
    AccountInfo(
        Account.GATEWAY_CLEARING,
        "Dana dalam Proses - Midtrans",
        "Funds held by the gateway",
        "debit",
        "1-1150",
        "money the gateway took for us and has not paid out",
    ),
    AccountInfo(
        Account.RECEIVABLE,
        "Piutang Usaha",
        "Accounts receivable",
        "debit",
        "1-1200",
        "issued and not yet paid, tax included",
    ),
    AccountInfo(
        Account.CONTRACT_ASSET,
        "Aset Kontrak",
        "Contract asset",
        "debit",
        "1-1250",
        "served and not yet invoiced (arrears)",
    ),
    AccountInfo(
        Account.PREPAID_PPH23,
        "Pajak Dibayar di Muka - PPh 23",
        "Prepaid income tax (PPh 23)",
        "debit",
        "1-1710",
        "withheld by business customers, credited against our own income tax",
    ),
    AccountInfo(
        Account.INPUT_VAT,
        "PPN Masukan",
        "Input VAT",
        "debit",
        "1-1720",
        "PPN on the gateway's fees",
    ),
    AccountInfo(
        Account.DEFERRED_REVENUE,
        "Pendapatan Diterima di Muka",
        "Deferred revenue",
        "credit",
        "2-2100",
        "invoiced before it is served",
    ),
    AccountInfo(
        Account.OUTPUT_VAT,
        "PPN Keluaran",
        "Output VAT",
        "credit",
        "2-2200",
        "PPN whose tax point has come: owed to the state",
    ),
    AccountInfo(
        Account.VAT_NOT_DUE,
        "PPN Belum Terutang",
        "VAT not yet due",
        "credit",
        "2-2210",
        "PPN on unpaid prepaid invoices: owed to nobody until the payment",
    ),
    AccountInfo(
        Account.CUSTOMER_CREDIT,
        "Uang Muka Pelanggan",
        "Customer balances",
        "credit",
        "2-2300",
        "what customers have left with us: overpaid, or credited after payment",
    ),
    AccountInfo(
        Account.PROMOTIONAL_CREDIT,
        "Kredit Promosi Pelanggan",
        "Promotional credit",
        "credit",
        "2-2310",
        "given to customers and not used yet; never paid out",
    ),
    AccountInfo(
        Account.TOP_UP_ASKED,
        "Isi Saldo Belum Dibayar",
        "Top-ups not yet paid",
        "credit",
        "2-2320",
        "what customers asked to add to their balance; theirs once it is paid",
    ),
    AccountInfo(
        Account.REVENUE,
        "Pendapatan Langganan",
        "Subscription revenue",
        "credit",
        "4-4100",
        "served days of subscriptions",
    ),
    AccountInfo(
        Account.ONE_OFF_REVENUE,
        "Pendapatan Jasa",
        "Service revenue",
        "credit",
        "4-4200",
        "one-off work, earned when it is invoiced",
    ),
    AccountInfo(
        Account.RETURNS,
        "Potongan dan Retur Penjualan",
        "Discounts and returns",
        "debit",
        "4-4900",
        "credits on revenue that was already recognised",
    ),
    AccountInfo(
        Account.PROMOTIONS,
        "Potongan Promosi",
        "Promotional credit given",
        "debit",
        "4-4910",
        "credit given away; what expires of it comes back",
    ),
    AccountInfo(
        Account.EXPIRED_BALANCE,
        "Pendapatan Saldo Hangus",
        "Expired balances",
        "credit",
        "7-7100",
        "topped-up money that expired by the merchant's own terms",
    ),
    AccountInfo(
        Account.GATEWAY_FEE,
        "Beban Administrasi Payment Gateway",
        "Gateway fees",
        "debit",
        "6-6100",
        "what the gateway keeps, before its PPN",
    ),
    AccountInfo(
        Account.BAD_DEBT,
        "Beban Piutang Tak Tertagih",
        "Bad debt",
        "debit",
        "6-6200",
        "written off as uncollectible",
    ),
    AccountInfo(
        Account.ROUNDING,
        "Selisih Pembulatan",
        "Rounding differences",
        "debit",
        "8-8900",
        "at most a rupiah a document, against the gateway's or the tax office's figures",
    ),
)

CHART: Final[dict[Account, AccountInfo]] = {row.account: row for row in _ROWS}
