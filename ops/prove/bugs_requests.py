"""Known mistakes at the edge: requests made twice, what is told, what is noted of whom."""

from __future__ import annotations

from typing import Final

from ops.prove.planting import Bug, Life, edit

ASKING: Final = Life(
    3, 4, hours=9, deeds=(("one_off", 8), ("refund", 8), ("void", 3), ("credit", 3))
)
JOINING: Final = Life(6, 2, 4)
_ONCE: Final = ("one request, one effect", "no request breaks a guard")
_CREDIT_KEY: Final = (
    "ALTER TABLE credit_notes DROP CONSTRAINT "
    "uq_credit_notes_merchant_id_source_kind_source_id_invoice_id"
)

BUGS: Final[dict[str, Bug]] = {
    "request-key-ignored": Bug(
        "a sign-up that is sent again makes a second subscription",
        "flexprice#1400, flexprice#2370; Chargify 2016-11",
        _ONCE,
        (edit("billing.flows.subscribe:subscribe", {
            'unit.derive("subscription", key) if key else ids.fresh()': "ids.fresh()",
        }),),
        life=JOINING,
    ),
    "customer-made-twice": Bug(
        "a customer that is sent again is made again",
        "flexprice#1400; Chargify 2016-11",
        _ONCE,
        (edit("billing.service:create_customer", {
            'unit.derive("customer", key) if key else': "",
        }),),
        life=JOINING,
    ),
    "one-off-key-ignored": Bug(
        "a double click invoices something twice",
        "lago#1868; a double click",
        _ONCE,
        (edit("billing.flows.pay_once:pay_once", {
            'unit.derive("one_off", key) if key else ids.fresh()': "ids.fresh()",
        }),),
        life=ASKING,
    ),
    "refund-key-ignored": Bug(
        "a double click gives money back twice",
        "own; a double click",
        _ONCE,
        (edit("billing.flows.refund:request_refund", {
            'if key is not None and (known := find_refund(unit, unit.derive("refund", key))) '
            "is not None:\n        return known\n": "known = None\n",
            'unit.derive("refund", key if key is not None else sent_as)':
            'unit.derive("refund", sent_as)',
        }),),
        life=ASKING,
    ),
    "credit-source-ignored": Bug(
        "a credit that is asked for again is given again (the index is gone too)",
        "lago#3618; a double click",
        _ONCE,
        (edit("billing.flows.credit:credit_invoice", {
            'note_id = unit.derive("credit_note", source_kind, source_id, invoice_id)':
            "note_id = ids.fresh()",
        }),),
        (_CREDIT_KEY,),
        life=Life(3, 4, hours=8, deeds=(("credit", 12), ("stay", 1))),
        pair=True,
    ),
    "refund-not-in-the-audit": Bug(
        "nobody can say who asked for a refund",
        "own; every engine without an audit trail",
        ("who did it is noted",),
        (edit("billing.flows.refund:_announce", {'"refund.request",': '"refund.look",'}),),
        life=ASKING,
    ),
    "void-not-in-the-audit": Bug(
        "nobody can say who voided an invoice",
        "own",
        ("who did it is noted",),
        (edit("billing.flows.void:void_invoice", {'"invoice.void",': '"invoice.look",'}),),
        life=ASKING,
    ),
    "payment-not-told": Bug(
        "money came in, and no event says so",
        "polar#6751; openmeter#2240",
        ("doctor:issued-is-told",),
        (edit("billing.flows.book:paid", {'"payment.captured",': '"payment.noticed",'}),),
    ),
    "invoice-not-told": Bug(
        "invoices are issued, and no event says so",
        "polar#6751",
        ("doctor:issued-is-told",),
        (edit("billing.flows.issue:issue", {"    _tell(unit, issued)\n": ""}),),
    ),
}  # fmt: skip
