"""`tagihan merchant set`: what is typed keeps its meaning, field by field."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import pytest

from billing.flows.onboard import EDITABLE
from core.merchant import Merchant
from ops.merchant import read_value


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        # Digits that are no number: a zero in front belongs to them.
        ("npwp", "0012345678901000", "0012345678901000"),
        ("phone", "0215550", "0215550"),
        ("external_id", "007", "007"),
        ("legal_name", "1945", "1945"),
        ("display_name", "true", "true"),
        ("gateway_merchant_id", "0123", "0123"),
        ("server_key", "12345", "12345"),
        ("signature_key", "12345", "12345"),
        ("invoice_prefix", "2027", "2027"),
        ("payment_terms_days", "14", 14),
        ("gateway_rps", "5", 5),
        ("refund_approval_above", "0", 0),
        ("cancel_day_billed", "false", False),
        ("pkp_since", "2022-04-01", date(2022, 4, 1)),
        ("metadata", '{"branch": "01"}', {"branch": "01"}),
        ("metadata", "{}", {}),
        ("phone", "", None),
        ("pkp_until", "", None),
        ("signature_key", "", None),
    ],
)
def test_a_value_is_of_the_kind_its_field_holds(name: str, typed: str, value: object) -> None:
    read = read_value(name, typed)

    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("payment_terms_days", "two", "payment_terms_days is a whole number, not 'two'"),
        ("payment_terms_days", "1.5", "payment_terms_days is a whole number, not '1.5'"),
        ("payment_terms_days", "\N{ARABIC-INDIC DIGIT THREE}", "payment_terms_days is a whole"),
        ("payment_terms_days", "", "payment_terms_days can not be empty"),
        ("legal_name", "", "legal_name can not be empty"),
        ("cancel_day_billed", "yes", "cancel_day_billed is true or false, not 'yes'"),
        ("pkp_since", "1 April 2022", "pkp_since is a date such as 2027-01-31"),
        ("metadata", "[1]", "metadata is a JSON object of texts"),
        ("metadata", '{"branch": 1}', "metadata is a JSON object of texts"),
        ("logo", "no/such/file.svg", "logo is the path of a file"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(name: str, typed: str, told: str) -> None:
    with pytest.raises(click.ClickException) as refused:
        read_value(name, typed)

    assert refused.value.message.startswith(told)


def test_a_picture_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_bytes(b"<svg/>")

    assert read_value("logo", str(tmp_path / "logo.svg")) == b"<svg/>"


def test_every_field_that_may_be_changed_is_known() -> None:
    sealed = {"server_key", "signature_key"}

    assert EDITABLE - set(Merchant.__slots__) == sealed
