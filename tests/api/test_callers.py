"""Who may call what: operator, keys with scopes, rotation, revocation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import litestar
import pytest
from api_house import Door, House
from litestar import Litestar

from api.auth import find_staff_session, require_scopes, sign_in
from billing.flows.machine_keys import find_key, revoke_key, rotate_key
from billing.flows.people import create_staff, disable_staff, sign_out
from core import ids
from core.actor import Actor, system
from core.errors import Unauthenticated

SARI = {"name": "Sari", "email": "sari@contoh.example"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Basic abc", "Bearer tgh_wrong", "Bearer " + "x" * 500]
)
def test_nobody_gets_in_without_a_key(house: House, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = house.nobody.call("POST", "/customers", b"{", **headers)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [
        (("read",), 200, 403),
        (("write",), 200, 201),
        (("refund",), 200, 403),
        (("admin",), 200, 201),
    ],
)
def test_a_scope_brings_what_it_says(
    house: House, scopes: tuple[str, ...], read: int, write: int
) -> None:
    door = house.holding(*scopes)

    assert door.call("GET", "/customers").status_code == read
    assert door.call("POST", "/customers", SARI).status_code == write


def test_the_operator_names_the_merchant(house: House) -> None:
    assert house.operator.call("GET", "/customers").json()["code"] == "merchant_needed"
    made = house.acting(0).post("/customers", SARI)
    assert house.ours.get(f"/customers/{made['id']}") == made


def test_the_header_takes_the_slug_too(house: House) -> None:
    made = house.ours.post("/customers", SARI)
    ours, theirs = (merchant.slug for merchant in house.merchants)
    path = f"/customers/{made['id']}"
    for door in (house.operator, house.ours):
        assert door.get(path, **{"Tagihan-Merchant": ours}) == made
        refused = Door(house.client, door.key, {"Tagihan-Merchant": theirs}).call("GET", path)
        assert refused.status_code == 404


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("mer_short", 422, "invalid_id"),
        ("Kopi Senja", 422, "invalid_merchant"),
        ("cus_abcdefghijklmnopqrstuvwxyz", 422, "invalid_merchant"),
        ("kopi-senja", 404, "merchant_not_found"),
    ],
)
def test_a_name_that_names_no_merchant_says_so(
    house: House, header: str, status: int, code: str
) -> None:
    at = {"Tagihan-Merchant": header}
    answer = Door(house.client, house.operator.key, at).call("GET", "/customers")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    # A stranger learns nothing about who is a merchant here.
    stranger = Door(house.client, "tgh_" + "x" * 40, at).call("GET", "/customers")
    assert stranger.json()["code"] == "invalid_credentials"


def test_a_key_is_good_for_its_merchant_only(house: House) -> None:
    other = ids.public("merchant", house.merchants[1].merchant_id)

    answer = house.ours.call("GET", "/customers", Tagihan_Merchant=other)

    assert (answer.status_code, answer.json()["code"]) == (404, "merchant_not_found")


def test_a_rotated_key_overlaps_with_its_successor(house: House) -> None:
    merchant_id, machine = house.merchants[0].merchant_id, house.engine.real_now
    old = house.holding("read")
    with house.engine.work(merchant_id, _actor()) as unit:
        made = rotate_key(unit, _id_of(house, old), overlap_hours=2)
    new = Door(house.client, made.secret)

    assert [door.call("GET", "/customers").status_code for door in (old, new)] == [200, 200]
    machine.at += timedelta(hours=2)  # type: ignore[attr-defined]
    assert [door.call("GET", "/customers").status_code for door in (old, new)] == [401, 200]


def test_a_revoked_key_ends_at_once(house: House) -> None:
    door = house.holding("admin")
    with house.engine.work(house.merchants[0].merchant_id, _actor()) as unit:
        revoke_key(unit, _id_of(house, door))

    assert door.call("GET", "/customers").status_code == 401


def test_staff_sign_in_and_out(house: House) -> None:
    engine, merchant = house.engine, house.merchants[0]
    with engine.work(merchant.merchant_id, _actor()) as unit:
        person = create_staff(
            unit, email="Ani@Awan.example", name="Ani", role="support", password="kopi-tubruk-7"
        )
    token = sign_in(engine, merchant.slug, "ani@awan.example", "kopi-tubruk-7", source="1.2.3.4")

    caller = find_staff_session(engine, token)
    assert caller is not None
    assert (caller.merchant_id, str(caller.actor)) == (
        merchant.merchant_id,
        "staff:ani@awan.example",
    )
    assert caller.scopes == {"read", "write"}

    sign_out(engine, token)
    assert find_staff_session(engine, token) is None

    again = sign_in(engine, merchant.slug, "ani@awan.example", "kopi-tubruk-7")
    with engine.work(merchant.merchant_id, _actor()) as unit:
        disable_staff(unit, person)
    assert find_staff_session(engine, again) is None


@pytest.mark.parametrize(
    ("slug", "email", "password"),
    [
        ("nobody", "ani@awan.example", "kopi-tubruk-7"),
        ("", "budi@awan.example", "kopi-tubruk-7"),
        ("", "ani@awan.example", "wrong"),
    ],
)
def test_a_wrong_sign_in_is_always_the_same_refusal(
    house: House, slug: str, email: str, password: str
) -> None:
    merchant = house.merchants[0]
    with house.engine.work(merchant.merchant_id, _actor()) as unit:
        create_staff(
            unit, email="ani@awan.example", name="Ani", role="owner", password="kopi-tubruk-7"
        )

    with pytest.raises(Unauthenticated, match="the address or the password is wrong"):
        sign_in(house.engine, slug or merchant.slug, email, password)


def test_a_route_without_a_scope_stops_the_start() -> None:
    @litestar.get("/open", sync_to_thread=False)
    def open_door() -> dict[str, Any]:
        return {}

    with pytest.raises(RuntimeError, match="GET /open"):
        require_scopes(Litestar([open_door], openapi_config=None))


def _actor() -> Actor:
    return system("test")


def _id_of(house: House, door: Door) -> UUID:
    found = find_key(house.engine, door.key or "")
    assert found is not None
    return found.id
