"""What is done to balances and their lots by hand, and the rules of the doctor that must name it."""

from __future__ import annotations

_INVOICE = (
    "(SELECT id FROM invoices WHERE status = 'paid' AND kind = 'period' ORDER BY number LIMIT 1)"
)
# Five rupiah of credit that were given to somebody, behind the back of the books.
_LOT = """e AS (INSERT INTO balance_entries (merchant_id, id, customer_id, amount, kind, source_kind, source_id,
            at) SELECT merchant_id, gen_random_uuid(), id, 5, 'granted', 'x', gen_random_uuid(), '2001-01-01'
        FROM customers LIMIT 1 RETURNING merchant_id, id, customer_id, at), l AS (INSERT INTO balance_lots (merchant_id,
            id, customer_id, entry_id, kind, amount, at) SELECT merchant_id, gen_random_uuid(), customer_id, id,
            'promotional', 5, at FROM e RETURNING merchant_id, id, customer_id, entry_id, at)"""
LOT_FAULTS: list[tuple[str, str, set[str]]] = [
    ("a balance that no lot holds",
     """INSERT INTO balance_entries (merchant_id, id, customer_id, amount, kind, source_kind, source_id, at)
        SELECT merchant_id, gen_random_uuid(), id, 5, 'overpaid', 'x', gen_random_uuid(), now() FROM customers LIMIT 1""",
     {"lots-make-the-balance", "balance-is-booked"}),
    ("more is used of a lot than came in it",
     f"""WITH {_LOT}, u AS (INSERT INTO balance_entries (merchant_id, id, customer_id, amount, kind, source_kind,
            source_id, at) SELECT merchant_id, gen_random_uuid(), customer_id, -7, 'applied', 'x', gen_random_uuid(), at
        FROM l RETURNING merchant_id, id)
        INSERT INTO balance_uses (merchant_id, id, entry_id, lot_id, amount)
        SELECT merchant_id, gen_random_uuid(), u.id, l.id, 7 FROM u JOIN l USING (merchant_id)""",
     {"lots-not-negative", "balance-is-booked"}),
    ("credit that was given is in no book",
     f"WITH {_LOT} SELECT count(*) FROM l",
     {"credit-is-never-money", "balance-is-booked"}),
    ("credit that was given went out with a refund",
     f"""WITH {_LOT}, u AS (INSERT INTO balance_entries (merchant_id, id, customer_id, amount, kind, source_kind,
            source_id, at) SELECT merchant_id, gen_random_uuid(), customer_id, -5, 'refunded', 'x', gen_random_uuid(), at
        FROM l RETURNING merchant_id, id)
        INSERT INTO balance_uses (merchant_id, id, entry_id, lot_id, amount)
        SELECT merchant_id, gen_random_uuid(), u.id, l.id, 5 FROM u JOIN l USING (merchant_id)""",
     {"credit-is-never-money"}),
    ("a lot that ended and whose rest nobody booked",
     f"""WITH {_LOT} INSERT INTO balance_lots (merchant_id, id, customer_id, entry_id, kind, amount, at, expires_at)
        SELECT merchant_id, gen_random_uuid(), customer_id, entry_id, 'promotional', 5, '2001-01-01', '2001-02-01'
        FROM l""",
     {"lots-end-in-time", "lots-make-the-balance"}),
    ("a lot that paid after its end",
     f"""WITH {_LOT}, o AS (INSERT INTO balance_lots (merchant_id, id, customer_id, entry_id, kind, amount, at,
            expires_at) SELECT merchant_id, gen_random_uuid(), customer_id, entry_id, 'promotional', 5, '2001-01-01',
            '2001-02-01' FROM l RETURNING merchant_id, id, customer_id), u AS (INSERT INTO balance_entries (merchant_id,
            id, customer_id, amount, kind, source_kind, source_id, at) SELECT merchant_id, gen_random_uuid(),
            customer_id, -5, 'applied', 'x', gen_random_uuid(), '2001-03-01' FROM o RETURNING merchant_id, id)
        INSERT INTO balance_uses (merchant_id, id, entry_id, lot_id, amount)
        SELECT merchant_id, gen_random_uuid(), u.id, o.id, 5 FROM u JOIN o USING (merchant_id)""",
     {"lots-end-in-time"}),
    ("a top-up that was paid and is on no balance",
     f"UPDATE invoices SET kind = 'top_up' WHERE id = {_INVOICE}",
     {"top-ups-reach-the-balance"}),
]  # fmt: skip
