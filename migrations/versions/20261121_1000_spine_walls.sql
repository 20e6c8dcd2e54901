-- Walls, frozen history and balanced books. {app}, {lookup}, {reader} are role names; they are
-- created before migrations run, because roles belong to the cluster and not to a database.

-- 1. History is added to, never edited.

CREATE FUNCTION tagihan_refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never edited: add a new row that points at the old one', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit', 'events', 'balance_entries', 'payment_order_steps', 'allocations',
        'journals', 'postings', 'dunning_steps', 'dunning_policies', 'credit_notes', 'credit_note_lines',
        'invoice_lines']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW '
            'EXECUTE FUNCTION tagihan_refuse_edit()', name || '_frozen', name);
    END LOOP;
END $$;

CREATE FUNCTION tagihan_freeze_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'retired_at' - 'metadata' <> to_jsonb(OLD) - 'retired_at' - 'metadata' THEN
        RAISE EXCEPTION 'a price is never edited: publish a new version' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER prices_frozen BEFORE UPDATE OR DELETE ON prices
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_price();

CREATE FUNCTION tagihan_freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living CONSTANT text[] := ARRAY['status', 'paid_amount', 'credited_amount', 'due_amount', 'paid_at',
        'paid_on', 'closed_at', 'collect_at', 'tax_point_on', 'payment_method_id', 'metadata', 'collection'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status = 'draft' THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'an issued invoice is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'draft' THEN RETURN NEW; END IF;
    IF to_jsonb(NEW) - living <> to_jsonb(OLD) - living THEN
        RAISE EXCEPTION 'invoice % is issued: correct it by a credit note', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'), ('uncollectible', 'paid'), ('paid', 'open')
    ) THEN
        RAISE EXCEPTION 'an invoice can not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER invoices_frozen BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_invoice();

-- 2. An order at the gateway only climbs; what it asks for never changes.

CREATE FUNCTION tagihan_climb_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order of the gateway is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.order_id, NEW.amount, NEW.currency, NEW.kind, NEW.invoice_id, NEW.n)
        IS DISTINCT FROM (OLD.order_id, OLD.amount, OLD.currency, OLD.kind, OLD.invoice_id, OLD.n) THEN
        RAISE EXCEPTION 'what order % asks for never changes', OLD.order_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('created', 'sent'), ('created', 'failed'), ('created', 'pending'), ('created', 'paid'),
        ('sent', 'created'), ('sent', 'unknown'), ('sent', 'pending'), ('sent', 'paid'), ('sent', 'failed'),
        ('unknown', 'sent'), ('unknown', 'pending'), ('unknown', 'paid'), ('unknown', 'failed'),
        ('pending', 'paid'), ('pending', 'failed'),
        ('failed', 'paid'), ('paid', 'reversed'),
        ('created', 'review'), ('sent', 'review'), ('unknown', 'review'), ('pending', 'review'),
        ('failed', 'review'), ('review', 'paid'), ('review', 'failed')
    ) THEN
        RAISE EXCEPTION 'order % can not go from % to %', OLD.order_id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payment_orders_climb BEFORE UPDATE OR DELETE ON payment_orders
    FOR EACH ROW EXECUTE FUNCTION tagihan_climb_order();

CREATE FUNCTION tagihan_freeze_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.order_id, NEW.amount, NEW.currency, NEW.customer_id, NEW.payment_order_id)
        IS DISTINCT FROM (OLD.order_id, OLD.amount, OLD.currency, OLD.customer_id, OLD.payment_order_id) THEN
        RAISE EXCEPTION 'what a payment took is never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_frozen BEFORE UPDATE OR DELETE ON payments
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_payment();

-- A changed namespace would derive other order ids: everything open would be charged anew.
CREATE FUNCTION tagihan_freeze_namespace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.merchant_id, NEW.namespace) IS DISTINCT FROM (OLD.merchant_id, OLD.namespace) THEN
        RAISE EXCEPTION 'a merchant keeps its namespace for ever' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER merchants_frozen BEFORE UPDATE OR DELETE ON merchants
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_namespace();

-- 3. Books balance, set by set: all postings of a journal arrive in one statement.

CREATE FUNCTION tagihan_balance_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT journal_id, currency, sum(amount) AS off INTO bad FROM arrived
        GROUP BY merchant_id, journal_id, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not balance: % % over', bad.journal_id, bad.off, bad.currency
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER postings_balance AFTER INSERT ON postings REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION tagihan_balance_postings();

-- 4. A customer's balance never goes below zero. Entries are added under the customer's row lock.

CREATE FUNCTION tagihan_balance_not_negative() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT a.customer_id, sum(e.amount) AS balance INTO bad
        FROM (SELECT DISTINCT merchant_id, customer_id, currency FROM arrived) a
        JOIN balance_entries e USING (merchant_id, customer_id, currency)
        GROUP BY a.merchant_id, a.customer_id, a.currency HAVING sum(e.amount) < 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'balance of customer % would be %', bad.customer_id, bad.balance
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER balance_entries_not_negative AFTER INSERT ON balance_entries REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION tagihan_balance_not_negative();

-- 5. The wall between merchants.

DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = 'merchant_id' ORDER BY 1
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        -- An unset setting reads as '' after the first commit of a connection, hence nullif.
        EXECUTE format($p$CREATE POLICY merchant_wall ON %I TO {app}
            USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
            WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)$p$, name);
        EXECUTE format('CREATE POLICY reader ON %I FOR SELECT TO {reader} USING (true)', name);
        -- The owner migrates and backs up; it never serves a request.
        EXECUTE format('CREATE POLICY owner ON %I TO {owner} USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO {app}', name);
    END LOOP;

    FOREACH name IN ARRAY ARRAY['merchants', 'clocks', 'api_keys', 'staff', 'staff_sessions', 'idempotency_keys',
        'messages', 'plans', 'prices', 'customers', 'mandates', 'subscriptions', 'subscription_items',
        'subscription_changes', 'invoices', 'number_series', 'payment_methods', 'payment_orders', 'payments',
        'refunds', 'notifications', 'reviews', 'dunning_cases', 'jobs']
    LOOP
        EXECUTE format('GRANT UPDATE ON %I TO {app}', name);
    END LOOP;
    GRANT DELETE ON jobs TO {app};

    FOREACH name IN ARRAY ARRAY['merchants', 'clocks', 'api_keys', 'staff_sessions', 'subscriptions', 'invoices',
        'payment_orders', 'refunds', 'notifications', 'dunning_cases', 'messages']
    LOOP
        EXECUTE format('CREATE POLICY lookup ON %I FOR SELECT TO {lookup} USING (true)', name);
    END LOOP;
END $$;

-- 6. What may be read across merchants: whose turn it is, whose key this is.

GRANT SELECT (merchant_id, slug, mode, gateway, billing_zone, gateway_rps, created_at) ON merchants TO {lookup};
GRANT SELECT ON clocks TO {lookup};
GRANT SELECT (merchant_id, id, name, key_hash, scopes, expires_at, revoked_at) ON api_keys TO {lookup};
GRANT SELECT (merchant_id, id, staff_id, token_hash, expires_at, ended_at) ON staff_sessions TO {lookup};
GRANT SELECT (merchant_id, next_at) ON subscriptions TO {lookup};
GRANT SELECT (merchant_id, collect_at) ON invoices TO {lookup};
GRANT SELECT (merchant_id, next_at, expires_at, state) ON payment_orders TO {lookup};
GRANT SELECT (merchant_id, next_at, due_at) ON refunds TO {lookup};
GRANT SELECT (merchant_id, next_at) ON notifications TO {lookup};
GRANT SELECT (merchant_id, next_at) ON dunning_cases TO {lookup};
GRANT SELECT (merchant_id, next_at) ON messages TO {lookup};
CREATE POLICY lookup ON jobs TO {lookup} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO {lookup};

-- 7. The reader sees everything but secrets.

DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name <> 'alembic_version'
          AND column_name NOT IN ('server_key_sealed', 'signature_key_sealed', 'password_hash', 'key_hash',
              'token_hash', 'token_sealed', 'request_sealed')
        GROUP BY table_name
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON %I TO {reader}', r.columns, r.table_name);
    END LOOP;
END $$;
