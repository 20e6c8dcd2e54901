"""Ways to pay: what a merchant's customers may choose from, and switching them on and off."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import AMOUNT_MAX, In, Out, PriceIn, Rupiah
from billing.engine import Engine
from core.errors import InvalidRequest, NotFound
from core.work import Work
from payments.channels import CHANNELS, SWITCHED, Channel
from payments.health import Health
from payments.limits import refusal
from payments.queries import Offered, channel_health, offered_channels, switched_on
from payments.service import set_channel

Country = Annotated[
    str, QueryParameter(pattern="^[A-Z]{2}$", description="Two capital letters of ISO 3166.")
]
WantedAmount = Annotated[
    int | None, QueryParameter(ge=1, le=AMOUNT_MAX, description="What is to be paid, in rupiah.")
]


class FeeIn(In):
    """What your contract with the gateway says: ``fixed`` and a share of the amount."""

    fixed: PriceIn = 0
    basis_points: Annotated[int, Meta(ge=0, le=10_000, description="290 is 2.9%.")] = 0
    ppn: Annotated[
        Literal["added", "included"], Meta(description="Whether PPN comes on top of it.")
    ] = "added"


class LimitsIn(In):
    """How much one payment may be."""

    least: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)] = 1
    most: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)] | None = None


class ChannelIn(In):
    """Whether and how a way to pay is offered. What is not said goes back to its default."""

    enabled: bool
    rank: Annotated[
        Annotated[int, Meta(ge=0, le=999)] | None,
        Meta(description="Its place in the list; 0 is the first."),
    ] = None
    fee: FeeIn | None = None
    limits: LimitsIn | None = None
    takes_cards: Annotated[
        bool,
        Meta(
            description="Of `snap`: cards are entered on that page and nowhere else. A "
            "`card_token` is then refused (409 `cards_on_page_only`)."
        ),
    ] = False


class CostOut(Out):
    """What the gateway keeps of this amount; an estimate that is never added to a bill."""

    fee: Rupiah
    ppn: Rupiah
    deducted: Rupiah
    published: Annotated[bool, Meta(description="False where only third parties tell the price.")]


class HealthOut(Out):
    """How it did in the last six hours."""

    state: Annotated[str, Meta(description="`good`, `troubled`, or `unknown`: too few to say.")]
    asked: int
    answered: int


class ChannelOut(Out):
    """One way to pay."""

    channel: str
    group: Annotated[
        str, Meta(description="`bank`, `qr`, `wallet`, `store`, `paylater`, `card` or `hosted`.")
    ]
    name: dict[str, str]
    enabled: bool
    rank: int | None
    least: Rupiah
    most: Annotated[int | None, Meta(description="Whole rupiah; null where there is no limit.")]
    takes_amount: Annotated[
        bool | None, Meta(description="Whether it takes `amount`; null when none was asked.")
    ]
    expires_after: Annotated[
        int | None, Meta(description="Seconds it waits for the payer unless told otherwise.")
    ]
    expires_after_most: int | None
    needs: Annotated[list[str], Meta(description="What the customer must have, such as `phone`.")]
    refundable: bool
    partly_refundable: bool
    refund_days: int | None
    paid_by: Annotated[
        Literal["channel", "card_token", "payment_method"],
        Meta(
            description="What to send to be paid by it: `channel` its name as `payment.channel`, "
            "`card_token` a token of the card, `payment_method` a method that was linked before."
        ),
    ]
    takes_cards: Annotated[
        bool, Meta(description="Cards are entered on this page and nowhere else.")
    ]
    cost: CostOut | None
    health: HealthOut

    @classmethod
    def of(
        cls, one: Offered, *, enabled: bool, amount: int | None, on: date, health: Health
    ) -> ChannelOut:
        """Shape a row of the registry with what is the merchant's own."""
        row, limit = one.channel, one.limit(on)
        cost = None if amount is None else one.cost(amount, on)
        expiry = row.expiry
        return cls(
            channel=row.key, group=str(row.group), name={"id": row.name_id, "en": row.name_en},
            enabled=enabled, rank=one.rank if enabled else None,
            least=limit.least, most=limit.most,
            takes_amount=None if amount is None else refusal(amount, limit) is None,
            expires_after=None if expiry is None else int(expiry.default.total_seconds()),
            expires_after_most=None if expiry is None else int(expiry.most.total_seconds()),
            needs=sorted(row.needs), refundable=row.refund.refundable,
            partly_refundable=row.refund.partial, refund_days=row.refund.window_days,
            paid_by=_paid_by(row), takes_cards=one.takes_cards,
            cost=None if cost is None else CostOut(
                fee=cost.fee, ppn=cost.ppn, deducted=cost.deducted, published=cost.published
            ),
            health=HealthOut(state=health.state, asked=health.asked, answered=health.answered),
        )  # fmt: skip


class ChannelsOut(Out):
    """The ways to pay, in the merchant's order."""

    data: list[ChannelOut]


class ChannelsController(Controller):
    """Routes of ways to pay."""

    tags = ("Payment methods",)

    @get("/payment-methods", scope="read", summary="List the ways to pay")
    def list_ways_to_pay(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        country: Country = "ID",
        amount: WantedAmount = None,
        enabled: FromQuery[bool] = True,
    ) -> ChannelsOut:  # fmt: skip
        """What a customer may choose from, with limits, expiry, the gateway's price and health.

        With `enabled=false` also those that are switched off. Midtrans serves Indonesia alone: for
        another country the list is empty.
        """
        if country != "ID":
            return ChannelsOut(data=[])
        with engine.work(caller.merchant, caller.actor) as unit:
            return ChannelsOut(data=_list(unit, amount, every=not enabled))

    @post(
        "/payment-channels/{channel:str}", scope="admin", status=200,
        summary="Switch a way to pay on or off",
    )  # fmt: skip
    def set_channel(
        self, channel: FromPath[str], data: JSONBody[ChannelIn], once: NamedDependency[Once]
    ) -> Response[ChannelOut]:
        """Switch it on only when your account at Midtrans has it: it is offered from now on.

        Without any row BCA's virtual account alone is offered. What is open stays payable. `snap`
        is Midtrans' own page: it shows what you offer here, and cards where you take them.
        `gopay_linked` lets customers link GoPay, and charges what is linked.
        """
        if channel not in SWITCHED:
            raise NotFound("channel_not_found", "there is no such way to pay to switch")
        if data.limits is not None and (data.limits.most or AMOUNT_MAX) < data.limits.least:
            raise InvalidRequest(
                "invalid_limits", "the most is at least the least", field="limits.most"
            )

        def write(unit: Work) -> Any:
            set_channel(
                unit, channel, enabled=data.enabled, rank=data.rank,
                fee=_plain(data.fee), limits=_plain(data.limits), takes_cards=data.takes_cards,
            )  # fmt: skip
            return unit.derive("channel", channel)

        return once.run(
            write,
            lambda unit, _: next(
                one for one in _list(unit, None, every=True) if one.channel == channel
            ),
            status=200,
        )


def _list(unit: Work, amount: int | None, *, every: bool) -> list[ChannelOut]:
    health = channel_health(unit)
    offered = {one.channel.key: one for one in offered_channels(unit)}
    pulled = _pulled(unit)
    rest = [Offered(CHANNELS[key], 0) for key in CHANNELS if key not in offered]
    found = list(offered.values()) + [one for one in rest if every or one.channel.key in pulled]
    return [
        ChannelOut.of(
            one,
            enabled=one.channel.key in offered or one.channel.key in pulled,
            amount=amount,
            on=unit.today,
            health=health.get(one.channel.key, Health(0, 0)),
        )
        for one in found
    ]


def _paid_by(row: Channel) -> Literal["channel", "card_token", "payment_method"]:
    if row.by_account:
        return "payment_method"
    return "card_token" if row.pull else "channel"


def _pulled(unit: Work) -> set[str]:
    """What we charge instead of being pushed to: cards by contract, linked wallets switched on."""
    cards = {"card"} if unit.merchant.card_mode != "none" else set()
    return cards | {key for key in switched_on(unit) if CHANNELS[key].by_account}


def _plain(data: FeeIn | LimitsIn | None) -> dict[str, Any] | None:
    if data is None:
        return None
    return {name: getattr(data, name) for name in data.__struct_fields__}
