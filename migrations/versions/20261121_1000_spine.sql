-- The tables of the spine. One statement a table, its indexes after it.

CREATE TABLE merchants (
	merchant_id UUID NOT NULL,
	slug TEXT NOT NULL,
	external_id TEXT,
	legal_name TEXT NOT NULL,
	display_name TEXT NOT NULL,
	email TEXT NOT NULL,
	phone TEXT,
	address TEXT NOT NULL,
	npwp TEXT,
	country TEXT DEFAULT 'ID' NOT NULL,
	billing_zone TEXT DEFAULT 'Asia/Jakarta' NOT NULL,
	locale TEXT DEFAULT 'id' NOT NULL,
	pkp_since DATE,
	pkp_until DATE,
	tax_treatment TEXT DEFAULT 'standard' NOT NULL,
	tax_point TEXT DEFAULT 'on_payment' NOT NULL,
	brand_color TEXT DEFAULT '#0f5c4d' NOT NULL,
	logo BYTEA,
	logo_media_type TEXT,
	namespace BYTEA NOT NULL,
	gateway TEXT NOT NULL,
	gateway_url TEXT,
	server_key_sealed BYTEA,
	signature_key_sealed BYTEA,
	client_key TEXT,
	gateway_merchant_id TEXT,
	card_mode TEXT DEFAULT 'recurring' NOT NULL,
	gateway_rps INTEGER DEFAULT '20' NOT NULL,
	invoice_prefix TEXT DEFAULT 'INV' NOT NULL,
	credit_note_prefix TEXT DEFAULT 'NK' NOT NULL,
	number_pattern TEXT DEFAULT '{prefix}-{year}-{n:06d}' NOT NULL,
	issue_lead_days INTEGER DEFAULT '7' NOT NULL,
	payment_terms_days INTEGER DEFAULT '7' NOT NULL,
	cancel_day_billed BOOLEAN DEFAULT true NOT NULL,
	refund_approval_above BIGINT DEFAULT '1000000' NOT NULL,
	mode TEXT DEFAULT 'running' NOT NULL,
	metadata JSONB DEFAULT '{}' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_merchants PRIMARY KEY (merchant_id),
	CONSTRAINT ck_merchants_gateway CHECK (gateway IN ('simulator','sandbox','production')),
	CONSTRAINT ck_merchants_card_mode CHECK (card_mode IN ('recurring','two_click','none')),
	CONSTRAINT ck_merchants_mode CHECK (mode IN ('running','recovering')),
	CONSTRAINT ck_merchants_locale CHECK (locale IN ('id','en')),
	CONSTRAINT ck_merchants_tax_point CHECK (tax_point IN ('on_payment','on_issue')),
	CONSTRAINT ck_merchants_namespace CHECK (octet_length(namespace) = 16),
	CONSTRAINT ck_merchants_slug CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,38}$'),
	CONSTRAINT ck_merchants_issue_lead_days CHECK (issue_lead_days BETWEEN 0 AND 60),
	CONSTRAINT ck_merchants_payment_terms_days CHECK (payment_terms_days BETWEEN 0 AND 180),
	CONSTRAINT ck_merchants_pkp CHECK (pkp_until IS NULL OR pkp_since IS NOT NULL),
	CONSTRAINT uq_merchants_slug UNIQUE (slug),
	CONSTRAINT uq_merchants_namespace UNIQUE (namespace)
);

CREATE TABLE api_keys (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	name TEXT NOT NULL,
	hint TEXT NOT NULL,
	key_hash BYTEA NOT NULL,
	scopes TEXT[] NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_by TEXT NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE,
	revoked_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_api_keys PRIMARY KEY (merchant_id, id),
	CONSTRAINT ck_api_keys_key_hash CHECK (octet_length(key_hash) = 32),
	CONSTRAINT ck_api_keys_scopes CHECK (cardinality(scopes) > 0),
	CONSTRAINT fk_api_keys_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id),
	CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash)
);

CREATE TABLE audit (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	business_at TIMESTAMP WITH TIME ZONE NOT NULL,
	actor_kind TEXT NOT NULL,
	actor TEXT NOT NULL,
	source TEXT NOT NULL,
	action TEXT NOT NULL,
	subject_kind TEXT NOT NULL,
	subject_id UUID NOT NULL,
	before JSONB,
	after JSONB,
	CONSTRAINT pk_audit PRIMARY KEY (merchant_id, id),
	CONSTRAINT ck_audit_actor CHECK (actor_kind IN ('staff','key','operator','system','customer')),
	CONSTRAINT fk_audit_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_audit_subject ON audit (merchant_id, subject_id, at);

CREATE TABLE clocks (
	merchant_id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	target_at TIMESTAMP WITH TIME ZONE,
	state TEXT DEFAULT 'ready' NOT NULL,
	CONSTRAINT pk_clocks PRIMARY KEY (merchant_id),
	CONSTRAINT fk_clocks_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id),
	CONSTRAINT ck_clocks_state CHECK (state IN ('ready','advancing','stepping')),
	CONSTRAINT ck_clocks_target CHECK (state <> 'advancing' OR target_at IS NOT NULL)
);

CREATE TABLE customers (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	external_id TEXT,
	name TEXT NOT NULL,
	company TEXT,
	email TEXT NOT NULL,
	phone TEXT,
	address TEXT,
	npwp TEXT,
	locale TEXT DEFAULT 'id' NOT NULL,
	billing_zone TEXT NOT NULL,
	metadata JSONB DEFAULT '{}' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_customers PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_customers_merchant_id_external_id UNIQUE (merchant_id, external_id),
	CONSTRAINT ck_customers_locale CHECK (locale IN ('id','en')),
	CONSTRAINT fk_customers_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_customers_created_at ON customers (merchant_id, created_at, id);

CREATE INDEX ix_customers_email ON customers (merchant_id, email);

CREATE TABLE dunning_policies (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	code TEXT NOT NULL,
	version INTEGER NOT NULL,
	rules JSONB NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_dunning_policies PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_dunning_policies_merchant_id_code_version UNIQUE (merchant_id, code, version),
	CONSTRAINT fk_dunning_policies_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE events (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	seq BIGINT GENERATED ALWAYS AS IDENTITY,
	type TEXT NOT NULL,
	subject_kind TEXT NOT NULL,
	subject_id UUID NOT NULL,
	customer_id UUID,
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
	payload JSONB NOT NULL,
	CONSTRAINT pk_events PRIMARY KEY (merchant_id, id),
	CONSTRAINT ck_events_type CHECK (type ~ '^[a-z_]+[.][a-z_]+$'),
	CONSTRAINT fk_events_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id),
	CONSTRAINT uq_events_seq UNIQUE (seq)
);

CREATE INDEX ix_events_seq ON events (merchant_id, seq);

CREATE INDEX ix_events_subject ON events (merchant_id, subject_id, seq);

CREATE TABLE idempotency_keys (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	key TEXT NOT NULL,
	caller TEXT NOT NULL,
	operation TEXT NOT NULL,
	fingerprint BYTEA NOT NULL,
	subject_id UUID,
	recovery_point TEXT DEFAULT 'started' NOT NULL,
	locked_until TIMESTAMP WITH TIME ZONE NOT NULL,
	response_status INTEGER,
	response_body JSONB,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_idempotency_keys PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_idempotency_keys_merchant_id_key UNIQUE (merchant_id, key),
	CONSTRAINT ck_idempotency_keys_key CHECK (length(key) BETWEEN 1 AND 255),
	CONSTRAINT ck_idempotency_keys_response CHECK ((response_status IS NULL) = (response_body IS NULL)),
	CONSTRAINT ck_idempotency_keys_recovery_point CHECK (recovery_point IN ('started','created','finished')),
	CONSTRAINT fk_idempotency_keys_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE jobs (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	rung_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_jobs PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_jobs_merchant_id_kind UNIQUE (merchant_id, kind),
	CONSTRAINT fk_jobs_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_jobs_rung_at ON jobs (rung_at);

CREATE TABLE journals (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	key TEXT NOT NULL,
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
	occurred_on DATE NOT NULL,
	subject_kind TEXT NOT NULL,
	subject_id UUID NOT NULL,
	CONSTRAINT pk_journals PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_journals_merchant_id_kind_key UNIQUE (merchant_id, kind, key),
	CONSTRAINT fk_journals_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_journals_occurred_on ON journals (merchant_id, occurred_on);

CREATE INDEX ix_journals_subject ON journals (merchant_id, subject_id);

CREATE TABLE messages (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	customer_id UUID,
	subject_kind TEXT NOT NULL,
	subject_id UUID NOT NULL,
	recipient TEXT NOT NULL,
	locale TEXT NOT NULL,
	payload JSONB DEFAULT '{}' NOT NULL,
	business_at TIMESTAMP WITH TIME ZONE NOT NULL,
	state TEXT DEFAULT 'queued' NOT NULL,
	sends INTEGER DEFAULT '0' NOT NULL,
	next_at TIMESTAMP WITH TIME ZONE,
	lease_until TIMESTAMP WITH TIME ZONE,
	sent_at TIMESTAMP WITH TIME ZONE,
	failure TEXT,
	CONSTRAINT pk_messages PRIMARY KEY (merchant_id, id),
	CONSTRAINT ck_messages_state CHECK (state IN ('queued','sending','sent','dropped','dead')),
	CONSTRAINT ck_messages_next_at CHECK ((state IN ('queued','sending')) = (next_at IS NOT NULL)),
	CONSTRAINT fk_messages_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_messages_due ON messages (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX ix_messages_subject ON messages (merchant_id, subject_id);

CREATE TABLE notifications (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	dedupe_key BYTEA NOT NULL,
	kind TEXT NOT NULL,
	order_id TEXT,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	source TEXT NOT NULL,
	signature_ok BOOLEAN NOT NULL,
	body JSONB NOT NULL,
	copies INTEGER DEFAULT '1' NOT NULL,
	state TEXT NOT NULL,
	outcome TEXT,
	tries INTEGER DEFAULT '0' NOT NULL,
	next_at TIMESTAMP WITH TIME ZONE,
	closed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_notifications PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_notifications_merchant_id_dedupe_key UNIQUE (merchant_id, dedupe_key),
	CONSTRAINT ck_notifications_state CHECK (state IN ('new','done','refused')),
	CONSTRAINT ck_notifications_next_at CHECK ((state = 'new') = (next_at IS NOT NULL)),
	CONSTRAINT fk_notifications_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_notifications_due ON notifications (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX ix_notifications_order ON notifications (merchant_id, order_id);

CREATE TABLE number_series (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	branch TEXT DEFAULT '' NOT NULL,
	year INTEGER NOT NULL,
	last_number BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_number_series PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_number_series_merchant_id_kind_branch_year UNIQUE (merchant_id, kind, branch, year),
	CONSTRAINT ck_number_series_kind CHECK (kind IN ('invoice','credit_note')),
	CONSTRAINT ck_number_series_last_number CHECK (last_number >= 0),
	CONSTRAINT fk_number_series_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE plans (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	external_id TEXT,
	code TEXT NOT NULL,
	name JSONB NOT NULL,
	description JSONB DEFAULT '{}' NOT NULL,
	state TEXT DEFAULT 'active' NOT NULL,
	metadata JSONB DEFAULT '{}' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_plans PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_plans_merchant_id_code UNIQUE (merchant_id, code),
	CONSTRAINT uq_plans_merchant_id_external_id UNIQUE (merchant_id, external_id),
	CONSTRAINT ck_plans_state CHECK (state IN ('active','retired')),
	CONSTRAINT ck_plans_code CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
	CONSTRAINT fk_plans_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE reviews (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	subject_kind TEXT NOT NULL,
	subject_id UUID NOT NULL,
	detail JSONB NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	closed_by TEXT,
	resolution TEXT,
	CONSTRAINT pk_reviews PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_reviews_merchant_id_kind_subject_id UNIQUE (merchant_id, kind, subject_id),
	CONSTRAINT fk_reviews_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_reviews_open ON reviews (merchant_id, opened_at) WHERE closed_at IS NULL;

CREATE TABLE staff (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	email TEXT NOT NULL,
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	password_hash TEXT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	disabled_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_staff PRIMARY KEY (merchant_id, id),
	CONSTRAINT uq_staff_merchant_id_email UNIQUE (merchant_id, email),
	CONSTRAINT ck_staff_role CHECK (role IN ('owner','billing','finance','support','read_only')),
	CONSTRAINT ck_staff_email CHECK (email = lower(email)),
	CONSTRAINT fk_staff_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE balance_entries (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	customer_id UUID NOT NULL,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	amount BIGINT NOT NULL,
	kind TEXT NOT NULL,
	source_kind TEXT NOT NULL,
	source_id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_balance_entries PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_balance_entries_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT uq_balance_entries_merchant_id_kind_source_kind_source_id UNIQUE (merchant_id, kind, source_kind, source_id),
	CONSTRAINT ck_balance_entries_amount CHECK (amount <> 0),
	CONSTRAINT ck_balance_entries_kind CHECK (kind IN ('overpaid','credited','applied','refunded','reversed')),
	CONSTRAINT fk_balance_entries_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_balance_entries_customer ON balance_entries (merchant_id, customer_id, at);

CREATE TABLE payment_methods (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	external_id TEXT,
	customer_id UUID NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	token_sealed BYTEA,
	token_hash BYTEA,
	masked TEXT,
	brand TEXT,
	bank TEXT,
	expires_at TIMESTAMP WITH TIME ZONE,
	ended_because TEXT,
	metadata JSONB DEFAULT '{}' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_payment_methods PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_payment_methods_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT uq_payment_methods_merchant_id_external_id UNIQUE (merchant_id, external_id),
	CONSTRAINT ck_payment_methods_kind CHECK (kind IN ('card')),
	CONSTRAINT ck_payment_methods_state CHECK (state IN ('pending','active','ended')),
	CONSTRAINT ck_payment_methods_token CHECK (state <> 'active' OR token_sealed IS NOT NULL),
	CONSTRAINT fk_payment_methods_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_payment_methods_customer ON payment_methods (merchant_id, customer_id);

CREATE TABLE postings (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	journal_id UUID NOT NULL,
	position INTEGER NOT NULL,
	account TEXT NOT NULL,
	amount BIGINT NOT NULL,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	customer_id UUID,
	CONSTRAINT pk_postings PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_postings_merchant_id_journal_id FOREIGN KEY(merchant_id, journal_id) REFERENCES journals (merchant_id, id),
	CONSTRAINT fk_postings_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT uq_postings_merchant_id_journal_id_position UNIQUE (merchant_id, journal_id, position),
	CONSTRAINT ck_postings_amount CHECK (amount <> 0),
	CONSTRAINT fk_postings_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_postings_account ON postings (merchant_id, account);

CREATE TABLE prices (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	external_id TEXT,
	plan_id UUID NOT NULL,
	version INTEGER NOT NULL,
	model TEXT DEFAULT 'flat' NOT NULL,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	unit_amount BIGINT NOT NULL,
	interval_unit TEXT NOT NULL,
	interval_count INTEGER DEFAULT '1' NOT NULL,
	trial_days INTEGER DEFAULT '0' NOT NULL,
	tax_mode TEXT DEFAULT 'exclusive' NOT NULL,
	metadata JSONB DEFAULT '{}' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	retired_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_prices PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_prices_merchant_id_plan_id FOREIGN KEY(merchant_id, plan_id) REFERENCES plans (merchant_id, id),
	CONSTRAINT uq_prices_merchant_id_plan_id_version UNIQUE (merchant_id, plan_id, version),
	CONSTRAINT uq_prices_merchant_id_external_id UNIQUE (merchant_id, external_id),
	CONSTRAINT ck_prices_model CHECK (model IN ('flat')),
	CONSTRAINT ck_prices_unit_amount CHECK (unit_amount >= 0),
	CONSTRAINT ck_prices_interval_unit CHECK (interval_unit IN ('day','week','month','year')),
	CONSTRAINT ck_prices_interval_count CHECK (interval_count BETWEEN 1 AND 3660),
	CONSTRAINT ck_prices_trial_days CHECK (trial_days BETWEEN 0 AND 730),
	CONSTRAINT ck_prices_tax_mode CHECK (tax_mode IN ('exclusive','inclusive')),
	CONSTRAINT ck_prices_currency CHECK (currency = 'IDR'),
	CONSTRAINT fk_prices_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE TABLE staff_sessions (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	staff_id UUID NOT NULL,
	token_hash BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_staff_sessions PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_staff_sessions_merchant_id_staff_id FOREIGN KEY(merchant_id, staff_id) REFERENCES staff (merchant_id, id),
	CONSTRAINT fk_staff_sessions_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id),
	CONSTRAINT uq_staff_sessions_token_hash UNIQUE (token_hash)
);

CREATE TABLE mandates (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	customer_id UUID NOT NULL,
	payment_method_id UUID NOT NULL,
	text_version TEXT NOT NULL,
	locale TEXT NOT NULL,
	text TEXT NOT NULL,
	amount_rule TEXT NOT NULL,
	cadence TEXT NOT NULL,
	accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
	source TEXT NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	ended_because TEXT,
	CONSTRAINT pk_mandates PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_mandates_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT fk_mandates_merchant_id_payment_method_id FOREIGN KEY(merchant_id, payment_method_id) REFERENCES payment_methods (merchant_id, id),
	CONSTRAINT fk_mandates_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE UNIQUE INDEX uq_mandates_one_in_force ON mandates (merchant_id, payment_method_id) WHERE ended_at IS NULL;

CREATE TABLE subscriptions (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	external_id TEXT,
	customer_id UUID NOT NULL,
	status TEXT NOT NULL,
	collection TEXT NOT NULL,
	payment_method_id UUID,
	billing_zone TEXT NOT NULL,
	lead_days INTEGER NOT NULL,
	terms_days INTEGER NOT NULL,
	interval_unit TEXT NOT NULL,
	interval_count INTEGER NOT NULL,
	anchor_on DATE NOT NULL,
	anchor_day INTEGER NOT NULL,
	started_on DATE NOT NULL,
	trial_end_on DATE,
	current_start DATE NOT NULL,
	current_end DATE NOT NULL,
	billed_through DATE NOT NULL,
	incomplete_until DATE,
	cancel_on DATE,
	cancel_reason TEXT,
	canceled_at TIMESTAMP WITH TIME ZONE,
	ended_on DATE,
	next_at TIMESTAMP WITH TIME ZONE,
	metadata JSONB DEFAULT '{}' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_subscriptions PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_subscriptions_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT fk_subscriptions_merchant_id_payment_method_id FOREIGN KEY(merchant_id, payment_method_id) REFERENCES payment_methods (merchant_id, id),
	CONSTRAINT uq_subscriptions_merchant_id_external_id UNIQUE (merchant_id, external_id),
	CONSTRAINT ck_subscriptions_status CHECK (status IN ('trialing','incomplete','active','past_due','unpaid','paused','canceled')),
	CONSTRAINT ck_subscriptions_collection CHECK (collection IN ('automatic','invoice')),
	CONSTRAINT ck_subscriptions_current CHECK (current_start < current_end),
	CONSTRAINT ck_subscriptions_billed_through CHECK (billed_through >= current_start),
	CONSTRAINT ck_subscriptions_anchor_day CHECK (anchor_day BETWEEN 1 AND 31),
	CONSTRAINT ck_subscriptions_interval_unit CHECK (interval_unit IN ('day','week','month','year')),
	CONSTRAINT ck_subscriptions_interval_count CHECK (interval_count >= 1),
	CONSTRAINT ck_subscriptions_end CHECK (status <> 'canceled' OR (next_at IS NULL AND ended_on IS NOT NULL)),
	CONSTRAINT ck_subscriptions_next_at CHECK (status IN ('canceled','paused','unpaid') OR next_at IS NOT NULL),
	CONSTRAINT fk_subscriptions_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_subscriptions_created_at ON subscriptions (merchant_id, created_at, id);

CREATE INDEX ix_subscriptions_customer ON subscriptions (merchant_id, customer_id);

CREATE INDEX ix_subscriptions_due ON subscriptions (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE invoices (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	external_id TEXT,
	customer_id UUID NOT NULL,
	subscription_id UUID,
	kind TEXT NOT NULL,
	period_start DATE,
	period_end DATE,
	change_id UUID NOT NULL,
	status TEXT NOT NULL,
	number TEXT,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	locale TEXT NOT NULL,
	subtotal_amount BIGINT NOT NULL,
	tax_amount BIGINT NOT NULL,
	total_amount BIGINT NOT NULL,
	paid_amount BIGINT DEFAULT '0' NOT NULL,
	credited_amount BIGINT DEFAULT '0' NOT NULL,
	due_amount BIGINT GENERATED ALWAYS AS (total_amount - paid_amount - credited_amount) STORED NOT NULL,
	tax JSONB NOT NULL,
	seller JSONB NOT NULL,
	buyer JSONB NOT NULL,
	collection TEXT NOT NULL,
	payment_method_id UUID,
	billing_zone TEXT NOT NULL,
	issued_at TIMESTAMP WITH TIME ZONE,
	issued_on DATE,
	due_on DATE,
	paid_at TIMESTAMP WITH TIME ZONE,
	paid_on DATE,
	closed_at TIMESTAMP WITH TIME ZONE,
	collect_at TIMESTAMP WITH TIME ZONE,
	tax_point_on DATE,
	content_hash BYTEA,
	metadata JSONB DEFAULT '{}' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_invoices PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_invoices_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT fk_invoices_merchant_id_subscription_id FOREIGN KEY(merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
	CONSTRAINT fk_invoices_merchant_id_payment_method_id FOREIGN KEY(merchant_id, payment_method_id) REFERENCES payment_methods (merchant_id, id),
	CONSTRAINT uq_invoices_merchant_id_number UNIQUE (merchant_id, number),
	CONSTRAINT uq_invoices_merchant_id_external_id UNIQUE (merchant_id, external_id),
	CONSTRAINT ck_invoices_kind CHECK (kind IN ('period','change','one_off')),
	CONSTRAINT ck_invoices_status CHECK (status IN ('draft','open','paid','void','uncollectible')),
	CONSTRAINT ck_invoices_collection CHECK (collection IN ('automatic','invoice')),
	CONSTRAINT ck_invoices_number CHECK ((status = 'draft') = (number IS NULL)),
	CONSTRAINT ck_invoices_issued CHECK (status = 'draft' OR (issued_at IS NOT NULL AND due_on IS NOT NULL)),
	CONSTRAINT ck_invoices_total CHECK (total_amount = subtotal_amount + tax_amount),
	CONSTRAINT ck_invoices_not_negative CHECK (total_amount >= 0 AND tax_amount >= 0),
	CONSTRAINT ck_invoices_settled CHECK (paid_amount >= 0 AND credited_amount >= 0),
	CONSTRAINT ck_invoices_due CHECK (total_amount - paid_amount - credited_amount >= 0),
	CONSTRAINT ck_invoices_paid CHECK (status <> 'paid' OR (paid_amount + credited_amount = total_amount)),
	CONSTRAINT ck_invoices_void CHECK (status <> 'void' OR (paid_amount = 0 AND credited_amount = 0)),
	CONSTRAINT ck_invoices_collect_at CHECK (collect_at IS NULL OR status = 'open'),
	CONSTRAINT ck_invoices_period CHECK ((kind = 'one_off') = (period_start IS NULL)),
	CONSTRAINT ck_invoices_period_order CHECK (period_start < period_end),
	CONSTRAINT ck_invoices_subscription CHECK (kind = 'one_off' OR subscription_id IS NOT NULL),
	CONSTRAINT ck_invoices_currency CHECK (currency = 'IDR'),
	CONSTRAINT fk_invoices_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_invoices_collect_at ON invoices (collect_at) WHERE collect_at IS NOT NULL;

CREATE INDEX ix_invoices_created_at ON invoices (merchant_id, created_at, id);

CREATE INDEX ix_invoices_customer ON invoices (merchant_id, customer_id, created_at);

CREATE INDEX ix_invoices_open ON invoices (merchant_id, due_on) WHERE status = 'open';

CREATE UNIQUE INDEX uq_invoices_business_key ON invoices (merchant_id, subscription_id, kind, period_start, change_id) WHERE subscription_id IS NOT NULL;

CREATE TABLE subscription_changes (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	subscription_id UUID NOT NULL,
	kind TEXT NOT NULL,
	mode TEXT NOT NULL,
	state TEXT NOT NULL,
	from_price_id UUID,
	to_price_id UUID,
	quantity INTEGER,
	effective_on DATE NOT NULL,
	invoice_id UUID,
	reason TEXT,
	quote JSONB DEFAULT '{}' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_subscription_changes PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_subscription_changes_merchant_id_subscription_id FOREIGN KEY(merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
	CONSTRAINT ck_subscription_changes_kind CHECK (kind IN ('plan','cancel')),
	CONSTRAINT ck_subscription_changes_mode CHECK (mode IN ('prorate','at_period_end','immediate')),
	CONSTRAINT ck_subscription_changes_state CHECK (state IN ('scheduled','applied','replaced')),
	CONSTRAINT fk_subscription_changes_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE UNIQUE INDEX uq_subscription_changes_one_scheduled ON subscription_changes (merchant_id, subscription_id) WHERE state = 'scheduled';

CREATE TABLE subscription_items (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	subscription_id UUID NOT NULL,
	price_id UUID NOT NULL,
	quantity INTEGER NOT NULL,
	started_on DATE NOT NULL,
	ended_on DATE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_subscription_items PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_subscription_items_merchant_id_subscription_id FOREIGN KEY(merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
	CONSTRAINT fk_subscription_items_merchant_id_price_id FOREIGN KEY(merchant_id, price_id) REFERENCES prices (merchant_id, id),
	CONSTRAINT ck_subscription_items_quantity CHECK (quantity BETWEEN 1 AND 1000000),
	CONSTRAINT ck_subscription_items_ended_on CHECK (ended_on IS NULL OR ended_on >= started_on),
	CONSTRAINT fk_subscription_items_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_subscription_items_subscription ON subscription_items (merchant_id, subscription_id, started_on);

CREATE UNIQUE INDEX uq_subscription_items_one_in_force ON subscription_items (merchant_id, subscription_id) WHERE ended_on IS NULL;

CREATE TABLE credit_notes (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	invoice_id UUID NOT NULL,
	customer_id UUID NOT NULL,
	number TEXT NOT NULL,
	reason TEXT NOT NULL,
	note TEXT,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	net_amount BIGINT NOT NULL,
	tax_amount BIGINT NOT NULL,
	total_amount BIGINT NOT NULL,
	to_invoice_amount BIGINT NOT NULL,
	to_balance_amount BIGINT NOT NULL,
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
	issued_on DATE NOT NULL,
	source_kind TEXT NOT NULL,
	source_id UUID NOT NULL,
	CONSTRAINT pk_credit_notes PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_credit_notes_merchant_id_invoice_id FOREIGN KEY(merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
	CONSTRAINT fk_credit_notes_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT uq_credit_notes_merchant_id_number UNIQUE (merchant_id, number),
	CONSTRAINT uq_credit_notes_merchant_id_source_kind_source_id_invoice_id UNIQUE (merchant_id, source_kind, source_id, invoice_id),
	CONSTRAINT ck_credit_notes_total CHECK (total_amount = net_amount + tax_amount AND total_amount > 0),
	CONSTRAINT ck_credit_notes_split CHECK (to_invoice_amount + to_balance_amount = total_amount),
	CONSTRAINT ck_credit_notes_not_negative CHECK (to_invoice_amount >= 0 AND to_balance_amount >= 0),
	CONSTRAINT fk_credit_notes_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_credit_notes_invoice ON credit_notes (merchant_id, invoice_id);

CREATE TABLE dunning_cases (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	invoice_id UUID NOT NULL,
	customer_id UUID NOT NULL,
	subscription_id UUID,
	policy_id UUID NOT NULL,
	state TEXT NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	first_failed_at TIMESTAMP WITH TIME ZONE,
	last_attempt_at TIMESTAMP WITH TIME ZONE,
	failures INTEGER DEFAULT '0' NOT NULL,
	decline_class TEXT,
	decline_code TEXT,
	end_on DATE,
	next_at TIMESTAMP WITH TIME ZONE,
	next_step JSONB,
	memory JSONB DEFAULT '{}' NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	closed_because TEXT,
	CONSTRAINT pk_dunning_cases PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_dunning_cases_merchant_id_invoice_id FOREIGN KEY(merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
	CONSTRAINT fk_dunning_cases_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT fk_dunning_cases_merchant_id_subscription_id FOREIGN KEY(merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
	CONSTRAINT fk_dunning_cases_merchant_id_policy_id FOREIGN KEY(merchant_id, policy_id) REFERENCES dunning_policies (merchant_id, id),
	CONSTRAINT ck_dunning_cases_state CHECK (state IN ('open','recovered','exhausted','stopped')),
	CONSTRAINT ck_dunning_cases_next_at CHECK ((state = 'open') = (next_at IS NOT NULL)),
	CONSTRAINT ck_dunning_cases_closed_at CHECK ((state = 'open') = (closed_at IS NULL)),
	CONSTRAINT ck_dunning_cases_failures CHECK (failures >= 0),
	CONSTRAINT fk_dunning_cases_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_dunning_cases_due ON dunning_cases (next_at) WHERE next_at IS NOT NULL;

CREATE UNIQUE INDEX uq_dunning_cases_one_open ON dunning_cases (merchant_id, invoice_id) WHERE state = 'open';

CREATE TABLE invoice_lines (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	invoice_id UUID NOT NULL,
	position INTEGER NOT NULL,
	kind TEXT NOT NULL,
	description JSONB NOT NULL,
	quantity INTEGER NOT NULL,
	unit_amount BIGINT NOT NULL,
	amount BIGINT NOT NULL,
	tax_amount BIGINT NOT NULL,
	period_start DATE,
	period_end DATE,
	price_id UUID,
	credits_line_id UUID,
	derivation JSONB NOT NULL,
	CONSTRAINT pk_invoice_lines PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_invoice_lines_merchant_id_invoice_id FOREIGN KEY(merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
	CONSTRAINT fk_invoice_lines_merchant_id_price_id FOREIGN KEY(merchant_id, price_id) REFERENCES prices (merchant_id, id),
	CONSTRAINT fk_invoice_lines_merchant_id_credits_line_id FOREIGN KEY(merchant_id, credits_line_id) REFERENCES invoice_lines (merchant_id, id),
	CONSTRAINT uq_invoice_lines_merchant_id_invoice_id_position UNIQUE (merchant_id, invoice_id, position),
	CONSTRAINT ck_invoice_lines_kind CHECK (kind IN ('recurring','stub','credit','charge','one_off')),
	CONSTRAINT ck_invoice_lines_sign CHECK ((kind = 'credit') = (amount < 0) OR amount = 0),
	CONSTRAINT ck_invoice_lines_credits_line_id CHECK (kind <> 'credit' OR credits_line_id IS NOT NULL),
	CONSTRAINT fk_invoice_lines_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_invoice_lines_credits ON invoice_lines (merchant_id, credits_line_id) WHERE credits_line_id IS NOT NULL;

CREATE TABLE payment_orders (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	customer_id UUID NOT NULL,
	invoice_id UUID,
	payment_method_id UUID,
	channel TEXT NOT NULL,
	order_id TEXT NOT NULL,
	n INTEGER NOT NULL,
	initiated_by TEXT NOT NULL,
	amount BIGINT NOT NULL,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	state TEXT NOT NULL,
	sends INTEGER DEFAULT '0' NOT NULL,
	polls INTEGER DEFAULT '0' NOT NULL,
	first_sent_at TIMESTAMP WITH TIME ZONE,
	last_sent_at TIMESTAMP WITH TIME ZONE,
	lease_until TIMESTAMP WITH TIME ZONE,
	next_at TIMESTAMP WITH TIME ZONE,
	in_doubt BOOLEAN DEFAULT false NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	expires_at TIMESTAMP WITH TIME ZONE,
	abandoning BOOLEAN DEFAULT false NOT NULL,
	attested BOOLEAN DEFAULT false NOT NULL,
	transaction_id TEXT,
	code TEXT,
	decline_class TEXT,
	reason TEXT,
	instructions JSONB DEFAULT '{}' NOT NULL,
	request_sealed BYTEA,
	answer JSONB,
	CONSTRAINT pk_payment_orders PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_payment_orders_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT fk_payment_orders_merchant_id_invoice_id FOREIGN KEY(merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
	CONSTRAINT fk_payment_orders_merchant_id_payment_method_id FOREIGN KEY(merchant_id, payment_method_id) REFERENCES payment_methods (merchant_id, id),
	CONSTRAINT uq_payment_orders_merchant_id_order_id UNIQUE (merchant_id, order_id),
	CONSTRAINT ck_payment_orders_kind CHECK (kind IN ('attempt','instrument','check')),
	CONSTRAINT ck_payment_orders_invoice CHECK ((kind = 'check') = (invoice_id IS NULL)),
	CONSTRAINT ck_payment_orders_channel CHECK (channel IN ('card','bca_va')),
	CONSTRAINT ck_payment_orders_initiated_by CHECK (initiated_by IN ('customer','merchant')),
	CONSTRAINT ck_payment_orders_state CHECK (state IN ('created','sent','unknown','pending','paid','failed','review','reversed')),
	CONSTRAINT ck_payment_orders_amount CHECK (amount > 0),
	CONSTRAINT ck_payment_orders_order_id CHECK (length(order_id) <= 36),
	CONSTRAINT ck_payment_orders_sent CHECK (state IN ('created','failed') OR first_sent_at IS NOT NULL),
	CONSTRAINT ck_payment_orders_next_at CHECK (state IN ('created','sent','unknown','pending') OR next_at IS NULL),
	CONSTRAINT ck_payment_orders_watched CHECK (state NOT IN ('created','sent','unknown','pending') OR next_at IS NOT NULL),
	CONSTRAINT fk_payment_orders_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_payment_orders_due ON payment_orders (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX ix_payment_orders_expiring ON payment_orders (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;

CREATE INDEX ix_payment_orders_invoice ON payment_orders (merchant_id, invoice_id, n);

CREATE INDEX ix_payment_orders_transaction ON payment_orders (merchant_id, transaction_id);

CREATE UNIQUE INDEX uq_payment_orders_one_open_attempt ON payment_orders (merchant_id, invoice_id) WHERE kind = 'attempt' AND state IN ('created','sent','unknown','pending');

CREATE UNIQUE INDEX uq_payment_orders_one_open_va ON payment_orders (merchant_id, invoice_id, channel) WHERE kind = 'instrument' AND state IN ('created','sent','unknown','pending');

CREATE TABLE credit_note_lines (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	credit_note_id UUID NOT NULL,
	position INTEGER NOT NULL,
	invoice_line_id UUID NOT NULL,
	net_amount BIGINT NOT NULL,
	tax_amount BIGINT NOT NULL,
	derivation JSONB NOT NULL,
	CONSTRAINT pk_credit_note_lines PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_credit_note_lines_merchant_id_credit_note_id FOREIGN KEY(merchant_id, credit_note_id) REFERENCES credit_notes (merchant_id, id),
	CONSTRAINT fk_credit_note_lines_merchant_id_invoice_line_id FOREIGN KEY(merchant_id, invoice_line_id) REFERENCES invoice_lines (merchant_id, id),
	CONSTRAINT uq_credit_note_lines_merchant_id_credit_note_id_position UNIQUE (merchant_id, credit_note_id, position),
	CONSTRAINT ck_credit_note_lines_not_negative CHECK (net_amount >= 0 AND tax_amount >= 0),
	CONSTRAINT fk_credit_note_lines_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_credit_note_lines_line ON credit_note_lines (merchant_id, invoice_line_id);

CREATE TABLE dunning_steps (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	case_id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	kind TEXT NOT NULL,
	detail JSONB DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_dunning_steps PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_dunning_steps_merchant_id_case_id FOREIGN KEY(merchant_id, case_id) REFERENCES dunning_cases (merchant_id, id),
	CONSTRAINT ck_dunning_steps_kind CHECK (kind IN ('opened','failure','retry','notice','end','closed')),
	CONSTRAINT fk_dunning_steps_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_dunning_steps_case ON dunning_steps (merchant_id, case_id, at);

CREATE TABLE payment_order_steps (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	payment_order_id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	business_at TIMESTAMP WITH TIME ZONE NOT NULL,
	from_state TEXT,
	to_state TEXT NOT NULL,
	because TEXT NOT NULL,
	answer JSONB,
	CONSTRAINT pk_payment_order_steps PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_payment_order_steps_merchant_id_payment_order_id FOREIGN KEY(merchant_id, payment_order_id) REFERENCES payment_orders (merchant_id, id),
	CONSTRAINT fk_payment_order_steps_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_payment_order_steps_order ON payment_order_steps (merchant_id, payment_order_id, at);

CREATE TABLE payments (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	payment_order_id UUID NOT NULL,
	customer_id UUID NOT NULL,
	order_id TEXT NOT NULL,
	transaction_id TEXT,
	channel TEXT NOT NULL,
	amount BIGINT NOT NULL,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	refunded_amount BIGINT DEFAULT '0' NOT NULL,
	status TEXT NOT NULL,
	paid_at TIMESTAMP WITH TIME ZONE NOT NULL,
	settled_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_payments PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_payments_merchant_id_payment_order_id FOREIGN KEY(merchant_id, payment_order_id) REFERENCES payment_orders (merchant_id, id),
	CONSTRAINT fk_payments_merchant_id_customer_id FOREIGN KEY(merchant_id, customer_id) REFERENCES customers (merchant_id, id),
	CONSTRAINT uq_payments_merchant_id_order_id UNIQUE (merchant_id, order_id),
	CONSTRAINT ck_payments_status CHECK (status IN ('captured','settled','canceled','reversed')),
	CONSTRAINT ck_payments_amount CHECK (amount > 0),
	CONSTRAINT ck_payments_refunded CHECK (refunded_amount BETWEEN 0 AND amount),
	CONSTRAINT fk_payments_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_payments_customer ON payments (merchant_id, customer_id, paid_at);

CREATE TABLE allocations (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	invoice_id UUID NOT NULL,
	payment_id UUID,
	kind TEXT NOT NULL,
	amount BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_allocations PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_allocations_merchant_id_invoice_id FOREIGN KEY(merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
	CONSTRAINT fk_allocations_merchant_id_payment_id FOREIGN KEY(merchant_id, payment_id) REFERENCES payments (merchant_id, id),
	CONSTRAINT ck_allocations_kind CHECK (kind IN ('payment','balance','reversal')),
	CONSTRAINT ck_allocations_payment CHECK ((kind = 'balance') = (payment_id IS NULL)),
	CONSTRAINT ck_allocations_amount CHECK ((kind = 'reversal') = (amount < 0)),
	CONSTRAINT fk_allocations_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_allocations_invoice ON allocations (merchant_id, invoice_id);

CREATE INDEX ix_allocations_payment ON allocations (merchant_id, payment_id);

CREATE TABLE refunds (
	merchant_id UUID NOT NULL,
	id UUID NOT NULL,
	payment_id UUID NOT NULL,
	invoice_id UUID NOT NULL,
	credit_note_id UUID NOT NULL,
	refund_key TEXT NOT NULL,
	amount BIGINT NOT NULL,
	currency TEXT DEFAULT 'IDR' NOT NULL,
	reason TEXT NOT NULL,
	route TEXT NOT NULL,
	state TEXT NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE,
	sends INTEGER DEFAULT '0' NOT NULL,
	polls INTEGER DEFAULT '0' NOT NULL,
	first_sent_at TIMESTAMP WITH TIME ZONE,
	lease_until TIMESTAMP WITH TIME ZONE,
	next_at TIMESTAMP WITH TIME ZONE,
	requested_by TEXT NOT NULL,
	approved_by TEXT,
	payee JSONB,
	proof TEXT,
	code TEXT,
	answer JSONB,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	bank_confirmed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_refunds PRIMARY KEY (merchant_id, id),
	CONSTRAINT fk_refunds_merchant_id_payment_id FOREIGN KEY(merchant_id, payment_id) REFERENCES payments (merchant_id, id),
	CONSTRAINT fk_refunds_merchant_id_invoice_id FOREIGN KEY(merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
	CONSTRAINT fk_refunds_merchant_id_credit_note_id FOREIGN KEY(merchant_id, credit_note_id) REFERENCES credit_notes (merchant_id, id),
	CONSTRAINT uq_refunds_merchant_id_refund_key UNIQUE (merchant_id, refund_key),
	CONSTRAINT ck_refunds_amount CHECK (amount > 0),
	CONSTRAINT ck_refunds_route CHECK (route IN ('cancel','refund','manual')),
	CONSTRAINT ck_refunds_state CHECK (state IN ('refund_scheduled','created','sent','unknown','awaiting_approval','awaiting_transfer','succeeded','failed')),
	CONSTRAINT ck_refunds_due_at CHECK ((state = 'refund_scheduled') = (due_at IS NOT NULL)),
	CONSTRAINT ck_refunds_next_at CHECK ((state IN ('created','sent','unknown')) = (next_at IS NOT NULL)),
	CONSTRAINT ck_refunds_second_person CHECK (approved_by IS NULL OR approved_by <> requested_by),
	CONSTRAINT fk_refunds_merchant_id FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id)
);

CREATE INDEX ix_refunds_due ON refunds (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX ix_refunds_payment ON refunds (merchant_id, payment_id);

CREATE INDEX ix_refunds_scheduled ON refunds (due_at) WHERE due_at IS NOT NULL;
