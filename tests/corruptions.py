"""What is done to a healthy database by hand, and the rules of the doctor that must name it."""

from __future__ import annotations

from corruptions_lots import LOT_FAULTS

# Done by SQL of a superuser with every trigger silenced.
INVOICE = (
    "(SELECT id FROM invoices WHERE status = 'paid' AND kind = 'period' ORDER BY number LIMIT 1)"
)
PAYMENT = "(SELECT id FROM payments ORDER BY order_id LIMIT 1)"
ORDER = "(SELECT payment_order_id FROM payments ORDER BY order_id LIMIT 1)"
REFUND = "(SELECT id FROM refunds LIMIT 1)"
FAULTS: list[tuple[str, str, set[str]]] = [
    ("more is said to be paid than was allocated",
     "UPDATE allocations SET amount = amount - 1 WHERE id = (SELECT id FROM allocations LIMIT 1)",
     {"paid-is-allocated", "payment-is-spent-once"}),
    ("a day's usage that no event made",
     """WITH m AS (INSERT INTO meters (merchant_id, id, code, version, name, event_name, aggregation, created_at)
        SELECT merchant_id, gen_random_uuid(), 'x', 1, '{}', 'x', 'count', now() FROM merchants LIMIT 1
        RETURNING merchant_id, id)
        INSERT INTO usage_days (merchant_id, subscription_id, meter_id, day, events)
        SELECT merchant_id, gen_random_uuid(), id, '2026-01-01', 1 FROM m""",
     {"usage-is-counted"}),
    ("usage that was closed and stands on no invoice",
     """INSERT INTO usage_closings (merchant_id, id, subscription_id, item_id, usage_price_id, meter_id, period_start,
            period_end, n, events, quantity, amount, added, invoice_id, closed_at)
        SELECT merchant_id, gen_random_uuid(), subscription_id, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
            '2026-01-01', '2026-02-01', 0, 1, '1', 5, 5, id, now() FROM invoices WHERE kind = 'period' LIMIT 1""",
     {"usage-is-billed-once"}),
    ("a month of usage that was never closed",
     """INSERT INTO usage_prices (merchant_id, id, price_id, position, name, meter_id, model, model_terms, created_at)
        SELECT merchant_id, gen_random_uuid(), id, 1, '{"id": "x"}', gen_random_uuid(), 'per_unit', '{}', now()
        FROM prices""",
     {"usage-is-closed"}),
    ("two items that bill what one meter counts",
     """WITH m AS (INSERT INTO meters (merchant_id, id, code, version, name, event_name, aggregation, created_at)
        SELECT merchant_id, gen_random_uuid(), 'x', 1, '{}', 'x', 'count', now() FROM merchants LIMIT 1
        RETURNING merchant_id, id), p AS (INSERT INTO usage_prices (merchant_id, id, price_id, position, name,
            meter_id, model, model_terms, created_at)
        SELECT i.merchant_id, gen_random_uuid(), i.price_id, 9, '{"id": "x"}', m.id, 'per_unit', '{}', now()
        FROM m JOIN subscription_items i USING (merchant_id) WHERE i.ended_on IS NULL ORDER BY i.id LIMIT 1
        RETURNING merchant_id, price_id)
        INSERT INTO subscription_items (merchant_id, id, subscription_id, extra_id, price_id, quantity, started_on,
            created_at)
        SELECT merchant_id, gen_random_uuid(), subscription_id, gen_random_uuid(), price_id, 1, started_on, created_at
        FROM p JOIN subscription_items i USING (merchant_id, price_id) WHERE i.ended_on IS NULL""",
     {"meter-billed-by-one-item"}),
    ("an allocation is gone",
     f"DELETE FROM allocations WHERE invoice_id = {INVOICE}",
     {"paid-is-allocated", "paid-by-something", "payment-is-spent-once"}),
    ("credited without a note",
     f"UPDATE invoices SET paid_amount = paid_amount - 5, credited_amount = 5 WHERE id = {INVOICE}",
     {"credited-is-noted", "paid-is-allocated"}),
    ("a paid invoice is open again",
     f"UPDATE invoices SET status = 'open', paid_amount = 0, paid_at = NULL WHERE id = {INVOICE}",
     {"paid-is-allocated", "receivable-is-due", "waiting-tax"}),
    ("an open invoice with nothing due",
     f"UPDATE invoices SET status = 'open' WHERE id = {INVOICE}", {"due-and-status-agree"}),
    ("a payment grew",
     f"UPDATE payments SET amount = amount + 1 WHERE id = {PAYMENT}",
     {"payment-is-spent-once", "captured-is-booked", "gateway-clearing", "paid-order-has-payment"}),
    ("a refund nobody counted",
     "UPDATE payments SET refunded_amount = 0 WHERE id = (SELECT payment_id FROM refunds LIMIT 1)",
     {"refunds-within-payment"}),
    ("a refund grew beyond its note",
     f"UPDATE refunds SET amount = amount + 1 WHERE id = {REFUND}",
     {"refund-has-its-source", "refunds-within-payment", "gateway-clearing"}),
    ("a refund that took its money from nowhere",
     f"UPDATE refunds SET invoice_id = NULL, credit_note_id = NULL WHERE id = {REFUND}",
     {"refund-has-its-source", "balance-refund-within-excess"}),
    ("a refund the books do not know",
     "DELETE FROM postings WHERE journal_id = (SELECT id FROM journals WHERE kind = 'refund_paid' LIMIT 1)",
     {"journal-balances", "refunded-is-booked"}),
    ("a posting is gone",
     "DELETE FROM postings WHERE id = (SELECT id FROM postings WHERE account = 'receivable' LIMIT 1)",
     {"journal-balances", "receivable-is-due"}),
    ("a journal without postings",
     "DELETE FROM postings WHERE journal_id = (SELECT id FROM journals WHERE kind = 'payment_captured' LIMIT 1)",
     {"journal-balances", "captured-is-booked", "gateway-clearing"}),
    ("a balanced lie in the books",
     "UPDATE postings SET amount = amount * 2 WHERE journal_id = (SELECT id FROM journals WHERE kind = 'invoice_issued' LIMIT 1)",
     {"issued-is-booked", "receivable-is-due"}),
    ("tax that never became due",
     "DELETE FROM postings WHERE journal_id = (SELECT id FROM journals WHERE kind = 'tax_became_due' LIMIT 1)",
     {"journal-balances", "waiting-tax", "tax-point-booked"}),
    ("tax owed by the rule of another day",
     "UPDATE tax_points SET terms = terms || '{\"statutory\": \"1/10\", \"base_factor\": \"1\"}' WHERE id = (SELECT id FROM tax_points LIMIT 1)",
     {"tax-point-rules"}),
    ("more tax owed than the payment made",
     "UPDATE tax_points SET owed_amount = owed_amount + 1 WHERE id = (SELECT id FROM tax_points LIMIT 1)",
     {"tax-point-rules", "tax-point-booked"}),
    ("a balance from nowhere",
     "INSERT INTO balance_entries SELECT merchant_id, gen_random_uuid(), id, 'IDR', 1000, 'credited', 'test', id, created_at FROM customers LIMIT 1",
     {"balance-is-booked"}),
    ("a balance below zero",
     "INSERT INTO balance_entries SELECT merchant_id, gen_random_uuid(), id, 'IDR', -1000, 'applied', 'test', id, created_at FROM customers LIMIT 1",
     {"balance-not-negative", "balance-is-booked"}),
    ("an order id of somebody else",
     f"UPDATE payment_orders SET order_id = 'x' || substr(order_id, 2) WHERE id = {ORDER}",
     {"order-ids-derived", "paid-order-has-payment"}),
    ("an order id with spaces and a line's end in it",
     f"UPDATE payment_orders SET order_id = E'a b\\nc' WHERE id = {ORDER}",
     {"order-ids-derived", "paid-order-has-payment"}),
    ("a second try although the first was paid",
     f"""INSERT INTO payment_orders (merchant_id, id, kind, customer_id, invoice_id, channel, order_id, n,
         initiated_by, amount, state, opened_at, first_sent_at)
         SELECT merchant_id, gen_random_uuid(), 'attempt', customer_id, invoice_id, channel, order_id || '0', n + 1,
         'merchant', amount, 'failed', opened_at, first_sent_at FROM payment_orders WHERE id = {ORDER}""",
     {"next-try-after-attested-failure", "order-ids-derived", "steps-tell-the-state"}),
    ("a charge to the card of another customer",
     """UPDATE payment_orders o SET customer_id = (SELECT id FROM customers c WHERE c.id <> o.customer_id LIMIT 1)
         WHERE o.id = (SELECT id FROM payment_orders WHERE kind = 'attempt' LIMIT 1)""",
     {"card-pays-for-its-holder"}),
    ("an agreement that is charged to the card of another customer",
     """UPDATE subscriptions s SET customer_id = (SELECT id FROM customers c WHERE c.id <> s.customer_id LIMIT 1)
         WHERE s.id = (SELECT id FROM subscriptions WHERE payment_method_id IS NOT NULL LIMIT 1)""",
     {"card-pays-for-its-holder"}),
    ("a method has ended and its consent has not",
     "UPDATE payment_methods SET state = 'ended' WHERE id = (SELECT payment_method_id FROM mandates WHERE ended_at IS NULL LIMIT 1)",
     {"consent-ends-with-its-method"}),
    ("a wallet that was charged as a card, and that nobody asks about",
     """UPDATE payment_methods SET kind = 'gopay', next_at = '2001-01-01' WHERE id = (SELECT payment_method_id
         FROM payment_orders WHERE payment_method_id IS NOT NULL LIMIT 1)""",
     {"wallets-are-charged-as-wallets", "wallets-are-asked-about"}),
    ("a wallet that ended and stays linked",
     "UPDATE payment_methods SET kind = 'gopay', state = 'ended', next_at = now(), polls = 99",
     {"ended-wallets-are-unlinked"}),
    ("an outcome unknown for two days",
     f"UPDATE payment_orders SET state = 'unknown', next_at = now(), first_sent_at = first_sent_at - interval '99 years' WHERE id = {ORDER}",
     {"nothing-unknown-for-a-day", "paid-order-has-payment", "steps-tell-the-state"}),
    ("an open order nobody looks at",
     f"UPDATE payment_orders SET state = 'pending', next_at = '2001-01-01' WHERE id = {ORDER}",
     {"nothing-stuck", "paid-order-has-payment"}),
    ("a part of a charge that was no hold is said to be captured",
     f"UPDATE payment_orders SET capture_amount = amount WHERE id = {ORDER}",
     {"holds-are-captured-once"}),
    ("a hold that never ends",
     f"UPDATE payment_orders SET state = 'pending', next_at = now(), held = 'challenge', first_sent_at = first_sent_at - interval '99 years' WHERE id = {ORDER}",
     {"holds-end", "paid-order-has-payment"}),
    ("a page that nobody ends",
     f"""UPDATE payment_orders SET state = 'pending', next_at = now(), channel = 'snap',
         page_until = '2001-01-01', answer = NULL WHERE id = {ORDER}""",
     {"pages-end", "paid-order-has-payment"}),
    ("a payment is gone",
     f"DELETE FROM payments WHERE id = {PAYMENT}", {"paid-order-has-payment", "gateway-clearing"}),
    ("a send nobody committed",
     f"UPDATE payment_orders SET sends = sends + 1 WHERE id = {ORDER}", {"sent-before-called"}),
    ("an invoice is gone",
     f"DELETE FROM invoices WHERE id = {INVOICE}", {"numbers-without-gaps", "no-period-missing"}),
    ("a number is skipped",
     "UPDATE number_series SET last_number = last_number + 1 WHERE kind = 'invoice'",
     {"numbers-without-gaps"}),
    ("a line lies about its amount",
     f"UPDATE invoice_lines SET amount = amount + 1 WHERE invoice_id = {INVOICE}",
     {"lines-compute", "lines-add-up", "content-untouched"}),
    ("a note does not add up",
     "UPDATE credit_note_lines SET net_amount = net_amount + 1", {"notes-add-up"}),
    ("a note shows other tax than the books gave back",
     "UPDATE credit_notes SET tax_amount = tax_amount + 1, net_amount = net_amount - 1 WHERE id = (SELECT id FROM credit_notes LIMIT 1)",
     {"credit-tax-booked", "notes-add-up"}),
    ("somebody wrote into an issued invoice",
     f"UPDATE invoices SET buyer = buyer || '{{\"name\": \"x\"}}' WHERE id = {INVOICE}",
     {"content-untouched"}),
    ("a period begins inside the one before",
     """UPDATE invoices SET period_start = period_start - 1 WHERE id = (SELECT max(id::text)::uuid FROM invoices
         WHERE kind = 'period' AND period_start > (SELECT min(period_start) + 20 FROM invoices))""",
     {"no-period-missing"}),
    ("a period was never billed",
     "UPDATE subscriptions SET billed_through = billed_through + 31 WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)",
     {"no-period-missing"}),
    ("what a void change took off is billed to nobody",
     """WITH pair AS (SELECT a.merchant_id, a.subscription_id, a.customer_id, a.id AS source, b.id AS change, a.period_start,
            a.total_amount, a.issued_at FROM invoices a JOIN invoices b ON b.subscription_id = a.subscription_id
            AND b.period_start > a.period_start JOIN subscriptions s ON s.id = a.subscription_id AND s.status = 'active' LIMIT 1),
          voided AS (UPDATE invoices i SET status = 'void', closed_at = '2099-01-01' FROM pair WHERE i.id = pair.change),
          made AS (INSERT INTO subscription_changes (merchant_id, id, subscription_id, kind, mode, state, effective_on, invoice_id,
            quote, created_at) SELECT merchant_id, gen_random_uuid(), subscription_id, 'plan', 'prorate', 'applied', period_start,
            change, '{}', issued_at FROM pair RETURNING id, merchant_id)
        INSERT INTO credit_notes (merchant_id, id, invoice_id, customer_id, number, reason, net_amount, tax_amount, total_amount,
            to_invoice_amount, to_balance_amount, issued_at, issued_on, source_kind, source_id)
        SELECT pair.merchant_id, gen_random_uuid(), source, customer_id, 'x', 'plan_change', total_amount, 0, total_amount,
            total_amount, 0, issued_at, period_start, 'change', made.id FROM pair JOIN made USING (merchant_id)""",
     {"served-is-billed", "notes-add-up"}),
    ("a period is asked for while it is paused",
     f"""WITH s AS (UPDATE subscriptions SET status = 'paused', pause_on = '2000-01-01', pause_policy = 'forfeit', next_at = NULL
            WHERE id = (SELECT subscription_id FROM invoices WHERE id = {INVOICE}))
        UPDATE invoices SET status = 'open', paid_amount = 0, paid_at = NULL WHERE id = {INVOICE}""",
     {"paused-is-not-billed"}),
    ("nobody wakes who was to come back",
     """UPDATE subscriptions SET status = 'paused', pause_on = '2000-01-01', pause_policy = 'forfeit', resume_on = '2000-02-01'
        WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)""",
     {"next-step-computes"}),
    ("a subscription is forgotten",
     "UPDATE subscriptions SET next_at = next_at - interval '1 year' WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)",
     {"nobody-forgotten", "next-step-computes"}),
    ("a charge is not announced",
     "UPDATE subscriptions SET interval_unit = 'year', renewal_notice_days = 90, current_start = current_end - 80, billed_through = current_end WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)",
     {"charges-are-announced"}),
    ("a code was given that nobody counted",
     """INSERT INTO discounts (merchant_id, id, code, name, amount, duration, redeemed, created_by, created_at)
        SELECT merchant_id, gen_random_uuid(), 'X1', '{}', 1, 'once', 3, 'x', now() FROM merchants LIMIT 1""",
     {"codes-are-counted"}),
    ("a discount that nothing explains",
     f"UPDATE invoice_lines SET discount_amount = 1 WHERE invoice_id = {INVOICE}",
     {"discounts-compute"}),
    ("somebody is billed another amount than he was told",
     """WITH line AS (SELECT l.*, i.subscription_id FROM invoice_lines l JOIN invoices i ON i.merchant_id = l.merchant_id AND i.id = l.invoice_id
            WHERE l.kind = 'recurring' AND l.extra_id IS NULL AND i.kind = 'period' AND i.status = 'paid' LIMIT 1),
        made AS (INSERT INTO price_moves (merchant_id, id, from_price_id, to_price_id, not_before, notice_days, state, made_by, created_at)
            SELECT merchant_id, gen_random_uuid(), gen_random_uuid(), price_id, '2026-01-01', 0, 'announced', 'x', now() FROM line RETURNING id),
        changed AS (INSERT INTO subscription_changes (merchant_id, id, subscription_id, kind, mode, state, effective_on, invoice_id, created_at)
            SELECT merchant_id, gen_random_uuid(), subscription_id, 'plan', 'at_period_end', 'applied', period_start, invoice_id, now() FROM line RETURNING id)
        INSERT INTO price_move_members (merchant_id, id, move_id, subscription_id, change_id, effective_on, quantity, amount, old_total, new_total, created_at)
        SELECT merchant_id, gen_random_uuid(), made.id, subscription_id, changed.id, period_start, quantity, amount + discount_amount + 1, 0, 0, now()
        FROM line, made, changed""",
     {"moved-as-announced"}),
    ("an upgrade waits for an invoice that is paid",
     f"""INSERT INTO subscription_changes (merchant_id, id, subscription_id, kind, mode, state, effective_on, invoice_id, created_at)
        SELECT merchant_id, gen_random_uuid(), subscription_id, 'plan', 'prorate', 'pending', period_start, id, now()
        FROM invoices WHERE id = {INVOICE}""",
     {"offer-is-one"}),
    ("an upgrade was done before it was paid",
     f"""INSERT INTO subscription_changes (merchant_id, id, subscription_id, kind, mode, state, effective_on, invoice_id, quote, created_at)
        SELECT merchant_id, gen_random_uuid(), subscription_id, 'plan', 'prorate', 'applied', period_start, gen_random_uuid(),
            '{{"payment": "pay_first/1"}}', now() FROM invoices WHERE id = {INVOICE}""",
     {"upgrade-was-paid-first"}),
    ("a line of a stranger's item",
     f"UPDATE invoice_lines SET extra_id = gen_random_uuid() WHERE invoice_id = {INVOICE}",
     {"lines-have-their-item"}),
    ("an item is gone",
     "DELETE FROM subscription_items", {"one-item-in-force"}),
    ("an invoice nobody collects",
     f"UPDATE invoices SET status = 'open', collect_at = '2001-01-01', paid_amount = 0 WHERE id = {INVOICE}",
     {"collecting-goes-on", "paid-is-allocated", "receivable-is-due"}),
    ("an unpaid invoice is forgotten",
     """UPDATE invoices SET status = 'open', paid_amount = 0 WHERE id = (SELECT i.id FROM invoices i
         JOIN subscriptions s ON s.id = i.subscription_id WHERE i.status = 'paid' AND i.kind = 'period'
         AND s.status = 'active' ORDER BY i.number LIMIT 1)""",
     {"unpaid-is-watched", "paid-is-allocated"}),
    ("a message was given up",
     "UPDATE messages SET state = 'dead', next_at = NULL WHERE id = (SELECT id FROM messages LIMIT 1)",
     {"mail-goes-out"}),
    ("a notification nobody reads",
     """INSERT INTO notifications (merchant_id, id, dedupe_key, kind, received_at, source, signature_ok, body, state, next_at)
        SELECT merchant_id, gen_random_uuid(), 'x', 'payment', '2001-01-01', 'test', true, '{}', 'new', now() FROM merchants""",
     {"notifications-are-read"}),
    ("a matter nobody answers",
     """INSERT INTO reviews (merchant_id, id, kind, subject_kind, subject_id, detail, opened_at)
        SELECT merchant_id, gen_random_uuid(), 'case_failed', 'case', gen_random_uuid(), '{}', '2001-01-01' FROM merchants""",
     {"reviews-are-answered"}),
    ("an event was never written",
     "DELETE FROM events WHERE id = (SELECT id FROM events WHERE type = 'invoice.issued' LIMIT 1)",
     {"issued-is-told"}),
    ("the wall of a table is down",
     "ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY", {"walls-stand"}),
    ("a second door in a wall",
     "CREATE POLICY door ON invoices USING (true)", {"walls-stand"}),
    ("a row of the audit is gone", "DELETE FROM audit WHERE id = (SELECT id FROM audit LIMIT 1)", {"audit-adds-up"}),
    ("nobody seals the audit", "UPDATE audit_unsealed SET at = '2020-01-01'", {"audit-is-sealed"}),
    ("a role owns a table",
     "ALTER TABLE jobs OWNER TO {prefix}_app", {"roles-own-nothing"}),
    ("a fee that no report told of",
     """WITH j AS (INSERT INTO journals (merchant_id, id, kind, key, occurred_at, occurred_on, subject_kind, subject_id)
        SELECT merchant_id, gen_random_uuid(), 'gateway_fees', 'x', now(), '2026-01-01', 'settlement_file',
            gen_random_uuid() FROM merchants LIMIT 1 RETURNING merchant_id, id)
        INSERT INTO postings (merchant_id, id, journal_id, position, account, amount)
        SELECT merchant_id, gen_random_uuid(), id, n, account, amount FROM j,
            (VALUES (1, 'gateway_fee', 500), (2, 'gateway_clearing', -500)) v(n, account, amount)""",
     {"report-fees-are-booked"}),
    ("a row of a report is matched to another amount",
     """INSERT INTO settlement_rows (merchant_id, id, file_id, line, key, kind, order_id, gross, fee, ppn, net, rounding,
            told_at, day, payment_id, booked_key)
        SELECT merchant_id, gen_random_uuid(), gen_random_uuid(), 2, 'payment:x', 'payment', order_id, amount + 1, 0, 0,
            amount + 1, 0, now(), '2026-01-01', id, 'x' FROM payments LIMIT 1""",
     {"matched-row-is-its-payment"}),
    ("the fee of one payment is booked by two rows",
     """INSERT INTO settlement_rows (merchant_id, id, file_id, line, key, kind, order_id, gross, fee, ppn, net, rounding,
            told_at, day, payment_id, booked_key, same_as)
        SELECT merchant_id, gen_random_uuid(), gen_random_uuid(), 2, 'payment:x', 'payment', order_id, amount, 0, 0,
            amount, 0, now(), '2026-01-01', id, 'x', gen_random_uuid() FROM payments LIMIT 1""",
     {"fee-is-booked-once"}),
    ("a row that agrees was never booked",
     """WITH f AS (INSERT INTO settlement_files (merchant_id, id, name, sha256, size, state, summary, read_at, read_by,
            closed_at, closed_by)
        SELECT merchant_id, gen_random_uuid(), 'x', sha256('x'), 1, 'booked', '{}', '2001-01-01', 'x', '2001-01-01',
            'x' FROM merchants RETURNING merchant_id, id)
        INSERT INTO settlement_rows (merchant_id, id, file_id, line, key, kind, order_id, gross, fee, ppn, net, rounding,
            told_at, day)
        SELECT merchant_id, gen_random_uuid(), f.id, 2, 'payment:x', 'payment', order_id, amount, 0, 0, amount, 0,
            now(), '2026-01-01' FROM payments p JOIN f USING (merchant_id)
        WHERE p.status IN ('captured', 'settled') ORDER BY p.created_at LIMIT 1""",
     {"agreeing-row-is-booked"}),
    ("a row of a report is booked by the machine and by hand",
     """WITH r AS (INSERT INTO settlement_rows (merchant_id, id, file_id, line, key, kind, order_id, gross, fee, ppn, net,
            rounding, told_at, day, payment_id, booked_key)
        SELECT merchant_id, gen_random_uuid(), gen_random_uuid(), 2, 'payment:x', 'payment', order_id, amount, 0, 0,
            amount, 0, now(), '2026-01-01', id, 'x' FROM payments LIMIT 1 RETURNING merchant_id, id),
        d AS (INSERT INTO differences (merchant_id, id, kind, key, severity, source, row_id, day, detail, found_at, state,
            resolution, account, amount, closed_at, closed_by)
        SELECT merchant_id, gen_random_uuid(), 'status_differs', 'x', 'high', 'report', id, '2026-01-01', '{}', now(),
            'resolved', 'booked', 'bank', 5, now(), 'staff:x' FROM r RETURNING merchant_id, id)
        INSERT INTO difference_steps (merchant_id, id, difference_id, n, at, business_at, actor, step, reason, detail)
        SELECT merchant_id, gen_random_uuid(), id, 1, now(), now(), 'staff:x', 'resolved', 'x',
            '{"resolution": "booked", "account": "bank", "amount": 5}' FROM d""",
     {"row-is-booked-by-one"}),
    ("a correction was decided and never booked",
     """WITH d AS (INSERT INTO differences (merchant_id, id, kind, key, severity, source, day, detail, found_at, state,
            resolution, account, amount, closed_at, closed_by)
        SELECT merchant_id, gen_random_uuid(), 'not_ours', 'x', 'high', 'report', '2026-01-01', '{}', now(), 'resolved',
            'booked', 'bank', 5, now(), 'staff:x' FROM merchants LIMIT 1 RETURNING merchant_id, id)
        INSERT INTO difference_steps (merchant_id, id, difference_id, n, at, business_at, actor, step, reason, detail)
        SELECT merchant_id, gen_random_uuid(), id, 1, now(), now(), 'staff:x', 'resolved', 'x',
            '{"resolution": "booked", "account": "bank", "amount": 5}' FROM d""",
     {"booked-difference-is-booked"}),
    ("a difference says another amount than was decided",
     """WITH d AS (INSERT INTO differences (merchant_id, id, kind, key, severity, source, day, detail, found_at, state,
            resolution, account, amount, closed_at, closed_by)
        SELECT merchant_id, gen_random_uuid(), 'not_ours', 'x', 'high', 'report', '2026-01-01', '{}', now(), 'resolved',
            'booked', 'bank', 5, now(), 'staff:x' FROM merchants LIMIT 1 RETURNING merchant_id, id)
        INSERT INTO difference_steps (merchant_id, id, difference_id, n, at, business_at, actor, step, reason, detail)
        SELECT merchant_id, gen_random_uuid(), id, 1, now(), now(), 'staff:x', 'resolved', 'x',
            '{"resolution": "explained"}' FROM d""",
     {"difference-has-its-story"}),
    ("a difference nobody answers",
     """INSERT INTO differences (merchant_id, id, kind, key, severity, source, day, detail, found_at, state)
        SELECT merchant_id, gen_random_uuid(), 'not_ours', 'x', 'high', 'report', '2001-01-01', '{}', '2001-01-01', 'open'
        FROM merchants LIMIT 1""",
     {"differences-are-answered"}),
    *LOT_FAULTS,
]  # fmt: skip
