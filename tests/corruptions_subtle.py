"""Corruptions whose sums still hold, or that look like work of ours: each is named, and only it.

Done by SQL of a superuser with every trigger and check silenced; several statements belong together.
"""

from __future__ import annotations

# Two paid invoices over the same amount, of two customers who pay by card.
A = """(SELECT i.id FROM invoices i JOIN allocations a ON a.invoice_id = i.id JOIN payments p ON p.id = a.payment_id
    WHERE i.status = 'paid' AND i.kind = 'period' AND i.credited_amount = 0 AND p.channel = 'card' AND p.refunded_amount = 0
    AND i.total_amount = 165390 AND i.customer_id = (SELECT min(c.id::text)::uuid FROM customers c WHERE c.name IN ('Dewi', 'Linda'))
    ORDER BY i.number LIMIT 1)"""
B = A.replace("min(c.id", "max(c.id")
# The payment of each.
PAID_A, PAID_B = (
    f"(SELECT a.payment_id FROM allocations a WHERE a.invoice_id = {one} LIMIT 1)" for one in (A, B)
)
LAST = "(SELECT id FROM invoices WHERE kind = 'period' ORDER BY number DESC LIMIT 1)"
CASES: list[tuple[str, list[str], set[str]]] = [
    ("a rupiah moved between two invoices",
     [f"UPDATE invoices SET subtotal_amount = subtotal_amount + 1, total_amount = total_amount + 1, paid_amount = paid_amount + 1 WHERE id = {A}",
      f"UPDATE invoices SET subtotal_amount = subtotal_amount - 1, total_amount = total_amount - 1, paid_amount = paid_amount - 1 WHERE id = {B}"],
     {"content-untouched", "issued-is-booked", "lines-add-up", "paid-is-allocated", "pulled-at-most-once"}),
    ("a rupiah moved between two invoices with their lines and allocations",
     [f"UPDATE invoices SET subtotal_amount = subtotal_amount + 1, total_amount = total_amount + 1, paid_amount = paid_amount + 1 WHERE id = {A}",
      f"UPDATE invoice_lines SET amount = amount + 1 WHERE invoice_id = {A}",
      f"UPDATE allocations SET amount = amount + 1 WHERE invoice_id = {A}",
      f"UPDATE invoice_lines SET amount = amount - 1 WHERE invoice_id = {B}",
      f"UPDATE allocations SET amount = amount - 1 WHERE invoice_id = {B}",
      f"UPDATE invoices SET subtotal_amount = subtotal_amount - 1, total_amount = total_amount - 1, paid_amount = paid_amount - 1 WHERE id = {B}"],
     {"content-untouched", "issued-is-booked", "lines-add-up", "lines-compute", "paid-is-allocated", "payment-is-spent-once", "pulled-at-most-once"}),
    ("two payments settle each other's invoices",
     [f"CREATE TEMPORARY TABLE pair ON COMMIT DROP AS SELECT {A} AS a, {B} AS b",
      "UPDATE allocations SET invoice_id = CASE WHEN invoice_id = a THEN b ELSE a END FROM pair WHERE invoice_id IN (a, b)"],
     {"money-stays-with-its-customer"}),
    ("an allocation is another customer's",
     [f"UPDATE allocations SET invoice_id = {B} WHERE invoice_id = {A}"], {"money-stays-with-its-customer", "paid-by-something", "paid-is-allocated"}),
    ("a payment is said to be another customer's",
     [f"UPDATE payments p SET customer_id = (SELECT id FROM customers c WHERE c.id <> p.customer_id LIMIT 1) WHERE id = {PAID_A}"],
     {"entries-name-their-subject", "money-stays-with-its-customer"}),
    ("a payment belongs to another merchant",
     [f"UPDATE payments SET merchant_id = gen_random_uuid() WHERE id = {PAID_A}"],
     {"captured-is-booked", "entries-name-their-subject", "gateway-clearing", "issued-is-told", "paid-order-has-payment", "payment-is-spent-once"}),
    ("a period is moved by a day",
     [f"UPDATE invoices SET period_start = period_start + 1, period_end = period_end + 1 WHERE id = {A}"], {"content-untouched", "no-period-missing", "order-ids-derived"}),
    ("two periods overlap by a day",
     [f"UPDATE invoices SET period_end = period_end + 1 WHERE id = {A}"], {"content-untouched", "no-period-missing"}),
    ("the anchor is another day",
     ["UPDATE subscriptions SET anchor_day = CASE anchor_day WHEN 9 THEN 8 ELSE 9 END WHERE status = 'active' AND id = (SELECT min(id::text)::uuid FROM subscriptions WHERE status = 'active')"],
     {"no-period-missing"}),
    ("tax became price",
     [f"UPDATE invoices SET tax_amount = tax_amount - 1, subtotal_amount = subtotal_amount + 1 WHERE id = {A}"], {"content-untouched", "lines-add-up", "waiting-tax"}),
    ("tax moved between the lines of two invoices",
     [f"UPDATE invoice_lines SET tax_amount = tax_amount + 1 WHERE invoice_id = {A}",
      f"UPDATE invoice_lines SET tax_amount = tax_amount - 1 WHERE invoice_id = {B}"], {"content-untouched", "lines-add-up"}),
    ("an entry is mirrored",
     [f"UPDATE postings SET amount = -amount WHERE journal_id = (SELECT id FROM journals WHERE kind = 'invoice_issued' AND subject_id = {A})"],
     {"issued-is-booked", "receivable-is-due", "waiting-tax"}),
    ("two entries change what they are about",
     [f"CREATE TEMPORARY TABLE pair ON COMMIT DROP AS SELECT {A} AS a, {B} AS b",
      "UPDATE journals SET subject_id = CASE WHEN subject_id = a THEN b ELSE a END FROM pair WHERE kind = 'invoice_issued' AND subject_id IN (a, b)"],
     {"entries-name-their-subject"}),
    ("what a customer owes is written to another",
     [f"UPDATE postings SET customer_id = (SELECT customer_id FROM invoices WHERE id = {B}) WHERE account = 'receivable' AND journal_id IN (SELECT j.id FROM journals j WHERE j.kind = 'invoice_issued' AND j.subject_id = {A})"],
     {"entries-name-their-subject", "receivable-is-due"}),
    ("a refund's key is rewritten in both places",
     ["UPDATE journals SET key = replace(key, '-r1-', '-r2-') || '0' WHERE kind = 'refund_paid'",
      "UPDATE refunds SET refund_key = replace(refund_key, '-r1-', '-r2-') || '0'"], {"refund-keys-derived"}),
    ("a refund is another payment's",
     ["UPDATE refunds r SET payment_id = (SELECT p.id FROM payments p JOIN payments q ON q.id = r.payment_id AND q.customer_id = p.customer_id WHERE p.id <> q.id ORDER BY p.paid_at LIMIT 1)"],
     {"refund-keys-derived", "refunds-within-payment"}),
    ("a settled order is a rupiah larger, with its payment and its entry",
     [f"UPDATE payment_orders SET amount = amount + 1 WHERE id = (SELECT payment_order_id FROM payments WHERE id = {PAID_A})",
      f"UPDATE payments SET amount = amount + 1 WHERE id = {PAID_A}",
      f"UPDATE postings SET amount = amount + 1 WHERE account = 'gateway_clearing' AND journal_id = (SELECT id FROM journals WHERE kind = 'payment_captured' AND subject_id = {PAID_A})",
      f"UPDATE postings SET amount = amount - 1 WHERE account = 'receivable' AND journal_id = (SELECT id FROM journals WHERE kind = 'payment_captured' AND subject_id = {PAID_A})"],
     {"payment-is-spent-once", "pulled-at-most-once", "receivable-is-due"}),
    ("two invoices change their numbers",
     [f"CREATE TEMPORARY TABLE pair ON COMMIT DROP AS SELECT {A} AS a, {B} AS b, (SELECT number FROM invoices WHERE id = {A}) AS na, (SELECT number FROM invoices WHERE id = {B}) AS nb",
      "UPDATE invoices SET number = 'x' FROM pair WHERE id = a", "UPDATE invoices SET number = na FROM pair WHERE id = b",
      "UPDATE invoices SET number = nb FROM pair WHERE id = a"], {"content-untouched"}),
    ("the last invoice is gone with all that was written of it, and the counter too",
     [f"CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT {LAST} AS id",
      "DELETE FROM postings WHERE journal_id IN (SELECT j.id FROM journals j JOIN gone g ON j.subject_id = g.id)",
      "DELETE FROM journals WHERE subject_id IN (SELECT id FROM gone)",
      "DELETE FROM postings WHERE journal_id IN (SELECT j.id FROM journals j JOIN payments p ON j.subject_id = p.id JOIN allocations a ON a.payment_id = p.id JOIN gone g ON a.invoice_id = g.id)",
      "DELETE FROM journals WHERE subject_id IN (SELECT a.payment_id FROM allocations a JOIN gone g ON a.invoice_id = g.id)",
      "DELETE FROM payments WHERE id IN (SELECT a.payment_id FROM allocations a JOIN gone g ON a.invoice_id = g.id)",
      "DELETE FROM allocations WHERE invoice_id IN (SELECT id FROM gone)", "DELETE FROM tax_points WHERE invoice_id IN (SELECT id FROM gone)",
      "DELETE FROM payment_order_steps WHERE payment_order_id IN (SELECT o.id FROM payment_orders o JOIN gone g ON o.invoice_id = g.id)",
      "DELETE FROM payment_orders WHERE invoice_id IN (SELECT id FROM gone)", "DELETE FROM invoice_lines WHERE invoice_id IN (SELECT id FROM gone)",
      "DELETE FROM invoices WHERE id IN (SELECT id FROM gone)",
      "UPDATE number_series SET last_number = last_number - 1 WHERE kind = 'invoice' AND year = (SELECT max(year) FROM number_series WHERE kind = 'invoice')"],
     {"no-period-missing"}),
    ("paid without an attempt",
     [f"DELETE FROM payment_order_steps WHERE payment_order_id IN (SELECT id FROM payment_orders WHERE invoice_id = {A})",
      f"DELETE FROM payment_orders WHERE invoice_id = {A}"], {"paid-order-has-payment"}),
    ("two orders change their ids at the gateway",
     [f"CREATE TEMPORARY TABLE pair ON COMMIT DROP AS SELECT p.order_id AS a, q.order_id AS b FROM payments p, payments q WHERE p.id = {PAID_A} AND q.id = {PAID_B}",
      "UPDATE payment_orders SET order_id = 'x' FROM pair WHERE order_id = a", "UPDATE payment_orders SET order_id = a FROM pair WHERE order_id = b",
      "UPDATE payment_orders SET order_id = b FROM pair WHERE order_id = 'x'", "UPDATE payments SET order_id = 'x' FROM pair WHERE order_id = a",
      "UPDATE payments SET order_id = a FROM pair WHERE order_id = b", "UPDATE payments SET order_id = b FROM pair WHERE order_id = 'x'"], {"entries-name-their-subject", "order-ids-derived"}),
    ("the root of all order ids is another",
     ["UPDATE merchants SET namespace = decode(md5('x'), 'hex')"], {"order-ids-derived"}),
    ("a credit note is about another invoice",
     [f"UPDATE credit_notes SET invoice_id = {B}"], {"money-stays-with-its-customer"}),
    ("a balance is another customer's",
     [f"""INSERT INTO balance_entries SELECT p.merchant_id, gen_random_uuid(), c.id, 'IDR', 1000, 'credited', 'test', c.id, p.paid_at
          FROM payments p JOIN customers c ON c.id <> p.customer_id WHERE p.id = {PAID_A} ORDER BY c.id LIMIT 1""",
      f"""INSERT INTO postings SELECT j.merchant_id, gen_random_uuid(), j.id, n, a, m, 'IDR', w FROM journals j JOIN payments p
          ON p.id = j.subject_id, LATERAL (VALUES (90, 'customer_credit', -1000, p.customer_id), (91, 'bank_fees', 1000, NULL)) v (n, a, m, w)
          WHERE j.kind = 'payment_captured' AND p.id = {PAID_A}"""],
     {"balance-is-booked"}),
    ("the day it was paid is another",
     [f"UPDATE invoices SET paid_on = paid_on - 40 WHERE id = {A}"], {"paid-says-when"}),
    ("the history of a charge begins in the middle",
     [f"DELETE FROM payment_order_steps WHERE from_state IS NULL AND payment_order_id = (SELECT payment_order_id FROM payments WHERE id = {PAID_A})"],
     {"steps-tell-the-state"}),
]  # fmt: skip
