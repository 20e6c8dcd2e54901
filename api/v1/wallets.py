"""Linked wallets: a GoPay account that its holder lets us charge."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import post
from api.shapes import ExternalId, In, path_id
from api.v1.orders import MandateIn, mandate_of
from api.v1.payment_methods import MethodOut
from billing.engine import Engine
from billing.flows.accounts import ask_now, new_wallet, press_link
from billing.flows.consents import consent_to_new
from core.errors import InvalidRequest
from core.work import Work
from payments.phones import gopay_phone


class WalletIn(In):
    """A GoPay account to be linked."""

    phone: Annotated[
        str,
        Meta(
            min_length=5, max_length=40,
            description="The number the account is under. It goes to the gateway; only its last "
            "four digits are kept.",
        ),
    ]  # fmt: skip
    return_url: Annotated[
        str,
        Meta(
            max_length=500, pattern=r"^https?://[\x21-\x7e]+$",
            description="Where GoPay sends the holder afterwards. Its domain has to be registered "
            "with Midtrans. That he came back says nothing: read the method.",
        ),
    ]  # fmt: skip
    external_id: ExternalId | None = None
    mandate: MandateIn | None = None


class WalletsController(Controller):
    """Routes of linked wallets."""

    tags = ("Payment methods",)

    @post("/customers/{customer_id:str}/wallets", scope="write", summary="Link a GoPay account")
    def link_wallet(
        self, customer_id: FromPath[str], data: JSONBody[WalletIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[MethodOut]:  # fmt: skip
        """Send the holder to `link.url`, where he agrees with GoPay; the method is then `active`.

        Switch it on first (`POST /payment-channels/gopay_linked`): Midtrans has to allow tokenized
        GoPay for your account. With `mandate` the customer's automatic subscriptions and open
        invoices go over to it. A wallet that can not be linked comes back `ended`. After a 503
        send the same request again: nothing was linked. A repetition comes without `link`, which
        is read with the method.
        """
        customer, phone = path_id("customer", customer_id), gopay_phone(data.phone)
        if phone is None:
            raise InvalidRequest(
                "invalid_phone", "an Indonesian mobile number is needed", field="phone"
            )

        def begin(unit: Work) -> UUID:
            method = new_wallet(unit, customer, once.key, phone=phone, external_id=data.external_id)
            consent_to_new(unit, customer, method, mandate_of(data.mandate))
            return method

        return once.run(
            begin,
            lambda unit, method: MethodOut.read(unit, method, engine),
            call=lambda method: press_link(
                engine, caller.merchant, method, phone=phone, return_url=data.return_url
            ),
            # It names the account at GoPay, which is sealed wherever it is kept.
            unkept=frozenset({"link"}),
        )

    @post(
        "/payment-methods/{method_id:str}/refresh", scope="write", status=200,
        summary="Ask GoPay about a linked account",
    )  # fmt: skip
    def refresh_wallet(
        self, method_id: FromPath[str], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[MethodOut]:  # fmt: skip
        """Ask now, as when its holder comes back; it is asked by itself too. Cards stay as is."""
        wanted = path_id("payment_method", method_id)

        def begin(unit: Work) -> UUID:
            MethodOut.read(unit, wanted)
            return wanted

        return once.run(
            begin,
            lambda unit, method: MethodOut.read(unit, method, engine),
            call=lambda method: ask_now(engine, caller.merchant, method),
            status=200,
            unkept=frozenset({"link"}),
        )
