-- Reconciliation with the gateway: its reports, what differs, the daily questions.

CREATE TABLE settlement_files (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    size bigint NOT NULL,
    state text NOT NULL,
    content_sealed bytea,
    summary jsonb NOT NULL,
    from_day date,
    to_day date,
    read_at timestamptz NOT NULL,
    read_by text NOT NULL,
    closed_at timestamptz,
    closed_by text,
    CONSTRAINT pk_settlement_files PRIMARY KEY (merchant_id, id),
    CONSTRAINT uq_settlement_files_merchant_id_sha256 UNIQUE (merchant_id, sha256),
    CONSTRAINT ck_settlement_files_state CHECK (state IN ('read','booked','dropped')),
    CONSTRAINT ck_settlement_files_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT ck_settlement_files_content
        CHECK ((state = 'read') = (content_sealed IS NOT NULL)),
    CONSTRAINT ck_settlement_files_closed_at CHECK ((state = 'read') = (closed_at IS NULL)),
    CONSTRAINT fk_settlement_files_merchant_id
        FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE settlement_rows (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    file_id uuid NOT NULL,
    line integer NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    order_id text NOT NULL,
    transaction_id text,
    reference text,
    channel text,
    status text,
    gross bigint NOT NULL,
    fee bigint NOT NULL,
    ppn bigint NOT NULL,
    net bigint NOT NULL,
    rounding bigint NOT NULL,
    told_at timestamptz NOT NULL,
    day date NOT NULL,
    payment_id uuid,
    refund_id uuid,
    booked_key text,
    CONSTRAINT pk_settlement_rows PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_settlement_rows_merchant_id_file_id
        FOREIGN KEY(merchant_id, file_id) REFERENCES settlement_files (merchant_id, id),
    CONSTRAINT fk_settlement_rows_merchant_id_payment_id
        FOREIGN KEY(merchant_id, payment_id) REFERENCES payments (merchant_id, id),
    CONSTRAINT fk_settlement_rows_merchant_id_refund_id
        FOREIGN KEY(merchant_id, refund_id) REFERENCES refunds (merchant_id, id),
    CONSTRAINT uq_settlement_rows_merchant_id_key UNIQUE (merchant_id, key),
    CONSTRAINT ck_settlement_rows_kind
        CHECK (kind IN ('payment','refund','chargeback','payout','nothing')),
    CONSTRAINT ck_settlement_rows_sums
        CHECK (kind = 'nothing' OR gross = fee + ppn + net + rounding AND rounding BETWEEN -1
        AND 1),
    CONSTRAINT fk_settlement_rows_merchant_id
        FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);
CREATE INDEX ix_settlement_rows_file ON settlement_rows (merchant_id, file_id, line);
CREATE INDEX ix_settlement_rows_payment ON settlement_rows (merchant_id, payment_id);
CREATE UNIQUE INDEX uq_settlement_rows_refund ON settlement_rows (merchant_id, refund_id)
    WHERE refund_id IS NOT NULL;

CREATE TABLE differences (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    severity text NOT NULL,
    source text NOT NULL,
    order_id text,
    payment_id uuid,
    refund_id uuid,
    row_id uuid,
    file_id uuid,
    day date NOT NULL,
    ours bigint,
    theirs bigint,
    detail jsonb NOT NULL,
    found_at timestamptz NOT NULL,
    state text NOT NULL,
    assignee text,
    account text,
    amount bigint,
    asked_by text,
    resolution text,
    closed_at timestamptz,
    closed_by text,
    CONSTRAINT pk_differences PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_differences_merchant_id_payment_id
        FOREIGN KEY(merchant_id, payment_id) REFERENCES payments (merchant_id, id),
    CONSTRAINT fk_differences_merchant_id_refund_id
        FOREIGN KEY(merchant_id, refund_id) REFERENCES refunds (merchant_id, id),
    CONSTRAINT fk_differences_merchant_id_row_id
        FOREIGN KEY(merchant_id, row_id) REFERENCES settlement_rows (merchant_id, id),
    CONSTRAINT fk_differences_merchant_id_file_id
        FOREIGN KEY(merchant_id, file_id) REFERENCES settlement_files (merchant_id, id),
    CONSTRAINT uq_differences_merchant_id_kind_key UNIQUE (merchant_id, kind, key),
    CONSTRAINT ck_differences_kind
        CHECK (kind IN
        ('amount_differs','currency','day_differs','duplicate_row','fee_differs','missing_at_gateway','missing_in_report','not_ours','refund_differs','row_unusable','status_differs','told_differently','total_differs')),
    CONSTRAINT ck_differences_severity CHECK (severity IN ('high','medium','low')),
    CONSTRAINT ck_differences_source CHECK (source IN ('report','books','status')),
    CONSTRAINT ck_differences_state CHECK (state IN ('open','awaiting_approval','resolved')),
    CONSTRAINT ck_differences_resolution
        CHECK (resolution IN ('agrees','explained','mended','booked')),
    CONSTRAINT ck_differences_resolved
        CHECK ((state = 'resolved') = (resolution IS NOT NULL) AND (state = 'resolved') =
        (closed_at IS NOT NULL)),
    CONSTRAINT ck_differences_account
        CHECK (account IN ('bad_debt','bank','gateway_fee','input_vat','rounding')),
    CONSTRAINT ck_differences_amount CHECK ((account IS NULL) = (amount IS NULL) AND amount <> 0),
    CONSTRAINT ck_differences_approval CHECK (state <> 'awaiting_approval' OR amount IS NOT NULL),
    CONSTRAINT ck_differences_booked CHECK (resolution <> 'booked' OR amount IS NOT NULL),
    CONSTRAINT fk_differences_merchant_id
        FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);
CREATE INDEX ix_differences_file ON differences (merchant_id, file_id);
CREATE INDEX ix_differences_found_at ON differences (merchant_id, found_at, id);
CREATE INDEX ix_differences_open ON differences (merchant_id, found_at, id)
    WHERE state <> 'resolved';

CREATE TABLE difference_steps (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    difference_id uuid NOT NULL,
    n integer NOT NULL,
    at timestamptz NOT NULL,
    business_at timestamptz NOT NULL,
    actor text NOT NULL,
    step text NOT NULL,
    reason text,
    detail jsonb NOT NULL,
    CONSTRAINT pk_difference_steps PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_difference_steps_merchant_id_difference_id
        FOREIGN KEY(merchant_id, difference_id) REFERENCES differences (merchant_id, id),
    CONSTRAINT uq_difference_steps_merchant_id_difference_id_n
        UNIQUE (merchant_id, difference_id, n),
    CONSTRAINT ck_difference_steps_step
        CHECK (step IN
        ('found','assigned','noted','proposed','approved','declined','resolved','reopened')),
    CONSTRAINT fk_difference_steps_merchant_id
        FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE status_sweeps (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    day date NOT NULL,
    state text NOT NULL,
    since timestamptz NOT NULL,
    next_at timestamptz,
    last_order uuid,
    asked integer DEFAULT '0' NOT NULL,
    agreed integer DEFAULT '0' NOT NULL,
    mended integer DEFAULT '0' NOT NULL,
    differing integer DEFAULT '0' NOT NULL,
    silent integer DEFAULT '0' NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT pk_status_sweeps PRIMARY KEY (merchant_id, id),
    CONSTRAINT uq_status_sweeps_merchant_id_day UNIQUE (merchant_id, day),
    CONSTRAINT ck_status_sweeps_state CHECK (state IN ('open','done')),
    CONSTRAINT ck_status_sweeps_next_at CHECK ((state = 'open') = (next_at IS NOT NULL)),
    CONSTRAINT fk_status_sweeps_merchant_id
        FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);
CREATE INDEX ix_status_sweeps_due ON status_sweeps (next_at) WHERE next_at IS NOT NULL;

CREATE FUNCTION tagihan_freeze_settlement_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later CONSTANT text[] := ARRAY['payment_id', 'refund_id', 'booked_key'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later
        OR (OLD.payment_id IS NOT NULL AND NEW.payment_id IS DISTINCT FROM OLD.payment_id)
        OR (OLD.refund_id IS NOT NULL AND NEW.refund_id IS DISTINCT FROM OLD.refund_id)
        OR (OLD.booked_key IS NOT NULL AND NEW.booked_key IS DISTINCT FROM OLD.booked_key) THEN
        RAISE EXCEPTION 'a row of a report is never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_rows_frozen BEFORE UPDATE OR DELETE ON settlement_rows
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_settlement_row();

CREATE FUNCTION tagihan_freeze_difference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.kind, NEW.key, NEW.source, NEW.found_at, NEW.row_id, NEW.file_id)
        IS DISTINCT FROM (OLD.kind, OLD.key, OLD.source, OLD.found_at, OLD.row_id, OLD.file_id) THEN
        RAISE EXCEPTION 'a difference is settled, never removed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER differences_frozen BEFORE UPDATE OR DELETE ON differences
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_difference();
CREATE TRIGGER difference_steps_frozen BEFORE UPDATE OR DELETE ON difference_steps
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

GRANT SELECT, INSERT, UPDATE ON settlement_files, settlement_rows, differences, status_sweeps TO {app};
GRANT SELECT, INSERT ON difference_steps TO {app};
GRANT SELECT ON settlement_rows, differences, difference_steps, status_sweeps TO {reader};
GRANT SELECT (merchant_id, id, name, sha256, size, state, summary, from_day, to_day, read_at, read_by,
    closed_at, closed_by) ON settlement_files TO {reader};
GRANT SELECT (merchant_id, next_at) ON status_sweeps TO {lookup};
CREATE POLICY lookup ON status_sweeps FOR SELECT TO {lookup} USING (true);
