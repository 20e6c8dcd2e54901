"""A merchant comes aboard, with plans and customers; what is wrong is refused by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from builders import (
    NAMESPACE,
    OPERATOR,
    START,
    make_customer,
    make_merchant,
    make_method,
    make_price,
    working,
)
from fakes import FakeGateway
from sqlalchemy import select, text

from billing.engine import Engine
from billing.flows.onboard import update_merchant
from billing.mandates.service import record_mandate
from billing.queries import find_customer, has_mandate, list_customers
from billing.service import update_customer
from core.errors import EngineError
from core.merchant import Merchant
from core.tables import audit, clocks
from dunning.queries import current_policy
from payments.gateway import Answer
from payments.tables import reviews
from plans.queries import find_current_price, find_plan, get_plan, list_plans, prices_of
from plans.service import create_plan, edit_plan, publish_price, retire_price


def test_a_merchant_has_a_namespace_a_policy_and_sealed_keys(engine: Engine) -> None:
    one, two = make_merchant(engine), make_merchant(engine)
    assert one.namespace != two.namespace
    assert one.server_key_sealed is not None
    assert b"SB-Mid" not in one.server_key_sealed
    opened = engine.vault.open(one.server_key_sealed, f"{one.merchant_id}:server_key")
    assert opened == b"SB-Mid-server-test"
    with working(engine, one) as unit:
        assert unit.now == START
        assert current_policy(unit) is not None
        [noted] = unit.session.execute(select(audit.c.actor_kind, audit.c.action, audit.c.after))
    assert (noted.actor_kind, noted.action) == ("operator", "merchant.create")
    assert noted.after["server_key"] == "changed"


def test_a_given_namespace_gives_the_same_ids(engine: Engine) -> None:
    first = make_merchant(engine, namespace=NAMESPACE)
    assert first.namespace == NAMESPACE
    with working(engine, first) as unit:
        assert make_customer(unit, key="k").id == unit.derive("customer", "k")


def test_without_a_test_clock_it_lives_in_real_time(engine: Engine, machine: Any) -> None:
    merchant = make_merchant(engine, at=None)
    with working(engine, merchant) as unit:
        assert unit.now == machine.at
        assert unit.session.execute(select(clocks)).all() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"slug": "A B"}, "invalid_slug"),
        ({"gateway": "stripe"}, "invalid_gateway"),
        ({"billing_zone": "Jakarta"}, "unknown_zone"),
        ({"number_pattern": "{n}"}, "invalid_number_pattern"),
        ({"issue_lead_days": 61}, "invalid_issue_lead_days"),
        ({"tax_treatment": "none"}, "invalid_tax_treatment"),
        ({"legal_name": " "}, "invalid_legal_name"),
        ({"npwp": "12345678901000"}, "invalid_npwp"),
        ({"npwp": "00.123.456.789-O1.000"}, "invalid_npwp"),
        ({"pkp_since": None, "pkp_until": START.date()}, "invalid_pkp_until"),
    ],
)
def test_a_wrong_merchant_is_refused(engine: Engine, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(EngineError) as caught:
        make_merchant(engine, **fields)
    assert caught.value.code == code


def test_a_slug_is_taken_once(engine: Engine) -> None:
    make_merchant(engine, slug="warung")
    with pytest.raises(EngineError) as caught:
        make_merchant(engine, slug="warung")
    assert caught.value.code == "slug_taken"


def test_changes_of_a_merchant_are_audited_without_secrets(
    engine: Engine, merchant: Merchant
) -> None:
    after = update_merchant(
        engine, merchant.merchant_id, {"display_name": "Awan", "server_key": "new"}, OPERATOR
    )
    assert after.display_name == "Awan"
    with working(engine, merchant) as unit:
        noted = unit.session.execute(
            select(audit.c.before, audit.c.after).where(audit.c.action == "merchant.update")
        ).one()
    assert noted.before == {"display_name": "PT Awan Sejahtera", "server_key": None}
    assert noted.after == {"display_name": "Awan", "server_key": "changed"}
    with pytest.raises(EngineError) as caught:
        update_merchant(engine, merchant.merchant_id, {"slug": "other"}, OPERATOR)
    assert caught.value.code == "not_editable"


@pytest.mark.parametrize("given", ["01.234.567.8-901.000", "012345678901000"])
def test_an_npwp_is_kept_as_its_digits(engine: Engine, given: str) -> None:
    made = make_merchant(engine, npwp=given)
    changed = update_merchant(engine, made.merchant_id, {"npwp": given.replace(".", " ")}, OPERATOR)
    assert (made.npwp, changed.npwp) == ("012345678901000", "012345678901000")
    with pytest.raises(EngineError) as caught:
        update_merchant(engine, made.merchant_id, {"npwp": "12345678901000"}, OPERATOR)
    assert (caught.value.code, caught.value.field) == ("invalid_npwp", "npwp")
    cleared = update_merchant(engine, made.merchant_id, {"npwp": None}, OPERATOR)
    assert cleared.npwp is None


REFUSED = Answer("unknown", code="401")
SILENT = Answer("unknown", message="time-out")


def test_keys_that_the_gateway_does_not_know_make_no_merchant(
    engine: Engine, gateway: FakeGateway
) -> None:
    gateway.keys_script.append(REFUSED)
    with pytest.raises(EngineError) as caught:
        make_merchant(engine, slug="salah", gateway="sandbox")
    assert (caught.value.code, caught.value.field) == ("gateway_refuses_keys", "server_key")
    assert "sandbox" in caught.value.message
    assert "SB-Mid" not in caught.value.message
    assert make_merchant(engine, slug="salah", gateway="sandbox").slug == "salah"


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"server_key": "new", "gateway": "production"}, "server_key"),
        ({"gateway": "production"}, "gateway"),
        ({"gateway_url": "http://127.0.0.1:9"}, "gateway_url"),
    ],
)
def test_keys_that_the_gateway_does_not_know_change_nothing(
    engine: Engine, gateway: FakeGateway, merchant: Merchant, fields: dict[str, Any], blamed: str
) -> None:
    gateway.keys_script.append(REFUSED)
    with pytest.raises(EngineError) as caught:
        update_merchant(engine, merchant.merchant_id, fields, OPERATOR)
    assert (caught.value.code, caught.value.field) == ("gateway_refuses_keys", blamed)
    with working(engine, merchant) as unit:
        assert unit.merchant == merchant


def test_only_new_keys_or_another_gateway_are_tried(
    engine: Engine, gateway: FakeGateway, merchant: Merchant
) -> None:
    gateway.keys_script.append(REFUSED)
    update_merchant(engine, merchant.merchant_id, {"payment_terms_days": 9}, OPERATOR)
    assert len(gateway.keys_script) == 1


def test_where_nobody_answers_the_keys_are_kept_and_a_person_looks(
    engine: Engine, gateway: FakeGateway
) -> None:
    gateway.keys_script.extend([SILENT, SILENT])
    merchant = make_merchant(engine)
    update_merchant(engine, merchant.merchant_id, {"server_key": "new"}, OPERATOR)
    with working(engine, merchant) as unit:
        [matter] = unit.session.execute(select(reviews)).all()
    assert (matter.kind, matter.subject_id) == ("keys_unproven", merchant.merchant_id)
    assert matter.detail == {"environment": "simulator"}


def test_prices_are_versions(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        first = make_price(unit, 100_000, code="pro")
        second = publish_price(
            unit, first.plan_id, unit_amount=120_000, interval_unit="month", key="p2"
        )
        again = publish_price(
            unit, first.plan_id, unit_amount=120_000, interval_unit="month", key="p2"
        )
        assert [price.version for price in prices_of(unit, first.plan_id)] == [2, 1]
        assert (second.id, second.version) == (again.id, 2)
        retire_price(unit, second.id)
        current = find_current_price(unit, first.plan_id)
        assert current is not None
        assert current.id == first.id
        plan = find_plan(unit, code="pro")
        assert plan is not None
        assert edit_plan(unit, plan.id, {"name": {"en": "Pro"}}).version == 2
        assert get_plan(unit, plan.id).name == {"en": "Pro"}
        for wrong, code in (
            ({"unit_amount": 1}, "needs_new_price"),
            ({"state": "gone"}, "invalid_state"),
        ):
            with pytest.raises(EngineError) as caught:
                edit_plan(unit, plan.id, wrong)
            assert caught.value.code == code
        with pytest.raises(EngineError) as caught:
            create_plan(unit, code="pro", name={"id": "Lain"})
        assert caught.value.code == "plan_code_taken"


def test_pages_have_no_gap_and_no_double(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        made = {make_customer(unit).id for _ in range(7)}
        for _ in range(3):
            make_price(unit)
        seen: list[Any] = []
        after = None
        while page := list_customers(unit, after=after, limit=3):
            seen += [one.id for one in page]
            after = (page[-1].created_at, page[-1].id)
        assert len(seen) == 7
        assert set(seen) == made
        assert len(list_plans(unit, limit=2)) == 2


def test_customers_are_found_changed_and_checked(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        one = make_customer(
            unit, external_id="u-1", name="Siti Aminah", email="siti@contoh.example"
        )
        assert find_customer(unit, external_id="u-1") == one
        assert [found.id for found in list_customers(unit, text="aminah")] == [one.id]
        changed = update_customer(unit, one.id, {"locale": "en", "npwp": "01.234.567.8-901.000"})
        assert (changed.locale, changed.npwp, changed.version) == ("en", "012345678901000", 2)
        for wrong, code in (
            ({"email": "siti"}, "invalid_email"),
            ({"locale": "fr"}, "invalid_locale"),
            ({"billing_zone": "WIB"}, "unknown_zone"),
            ({"npwp": "12"}, "invalid_npwp"),
            ({"name": ""}, "invalid_name"),
            ({"version": 9}, "not_editable"),
        ):
            with pytest.raises(EngineError) as caught:
                update_customer(unit, one.id, wrong)
            assert caught.value.code == code
        with pytest.raises(EngineError) as caught:
            make_customer(unit, external_id="u-1")
        assert caught.value.code == "external_id_taken"


def test_one_mandate_is_in_force_for_a_method(engine: Engine, merchant: Merchant) -> None:
    terms = {
        "text_version": "2027-01", "text": "Saya setuju …", "locale": "id", "source": "203.0.113.9",
        "amount_rule": "invoice_total", "cadence": "monthly",
    }  # fmt: skip
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
        method = make_method(unit, customer, mandate=None)
        assert not has_mandate(unit, method)
        record_mandate(unit, customer, method, **terms)
        record_mandate(unit, customer, method, **terms)
        assert has_mandate(unit, method)
        ended = (
            unit.session.execute(
                text("SELECT ended_because FROM mandates WHERE ended_at IS NOT NULL")
            )
            .scalars()
            .all()
        )
        assert ended == ["replaced"]
        with pytest.raises(EngineError) as caught:
            record_mandate(unit, make_customer(unit).id, method, **terms)
        assert caught.value.code == "payment_method_not_found"


def test_what_is_stored_is_dated_in_business_time(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        assert make_customer(unit).created_at == START == datetime(2027, 1, 10, 2, tzinfo=UTC)
