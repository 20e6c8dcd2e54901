"""Routes of subscriptions: subscribe, read, name anew, change, cancel."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import list_rows
from api.routes import get, patch, post
from api.shapes import body_id, given, path_id, public
from api.v1.change_shapes import (
    CancelPreviewOut,
    ChangePreviewOut,
    shape_cancel,
    shape_preview,
)
from api.v1.customers import require_version
from api.v1.subscriptions import (
    CancelIn,
    ChangedOut,
    ChangeIn,
    NewSubscriptionIn,
    SubscribedOut,
    SubscriptionOut,
    SubscriptionPatch,
    read_subscribed,
    read_subscription,
    shape_subscriptions,
)
from billing import queries
from billing.beginnings import FixedDay
from billing.engine import Engine
from billing.flows import cancel as cancelling
from billing.flows import change_plan
from billing.flows.at_once import press_first, subscribe_now
from billing.flows.relabel import relabel
from billing.tables import subscriptions
from core import ids
from core.work import Work

StatusFilter = Literal[
    "trialing", "incomplete", "active", "past_due", "unpaid", "paused", "canceled"
]


class SubscriptionsController(Controller):
    """Routes of subscriptions."""

    path = "/subscriptions"
    tags = ("Subscriptions",)

    @post("/", scope="write", summary="Subscribe a customer")
    def create_subscription(
        self, data: JSONBody[NewSubscriptionIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[SubscribedOut]:  # fmt: skip
        """Subscribe, invoice the first period, and begin its payment.

        With a `card_token` the payer confirms at `payment.redirect_url`; until then the
        subscription is `incomplete`. With a saved card it is charged in this request. With a
        virtual account, or without `payment`, the subscription begins `active` and is collected by
        invoice. A declined card is an outcome: the answer is 201, `payment.state` is `failed`.
        """
        customer = ids.parse("customer", data.customer, field="customer")
        price = ids.parse("price", data.price, field="price")
        means = data.payment.means() if data.payment else None
        items = [(ids.parse("price", one.price, field="items"), one.quantity) for one in data.items]

        def begin(unit: Work) -> UUID:
            return subscribe_now(
                engine, unit, customer_id=customer, price_id=price, means=means, key=once.key,
                quantity=data.quantity, collection=data.collection, trial_days=data.trial_days,
                fixed=FixedDay(data.billing_day) if data.billing_day else None,
                external_id=data.external_id, metadata=data.metadata, items=items,
                codes=data.codes, start_on=data.starts_on,
            ).subscription.id  # fmt: skip

        def call(subscription_id: UUID) -> None:
            press_first(engine, caller.merchant, subscription_id)

        return once.run(begin, read_subscribed, call=call if means else None)

    @get("/", scope="read", summary="List subscriptions")
    def list_subscriptions(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, customer: FromQuery[str | None] = None,
        status: FromQuery[StatusFilter | None] = None, external_id: FromQuery[str | None] = None,
    ) -> Page[SubscriptionOut]:  # fmt: skip
        """Newest first."""
        filters = {
            "customer_id": body_id("customer", customer, "customer"),
            "status": status,
            "external_id": external_id,
        }
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(unit, subscriptions, window, filters)
            shaped = {one.id: one for one in shape_subscriptions(unit, rows)}
        return page_of(rows, window, lambda row: shaped[ids.public("subscription", row.id)])

    @get("/{subscription_id:str}", scope="read", summary="Get a subscription")
    def get_subscription(
        self, subscription_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> SubscribedOut:  # fmt: skip
        """One subscription with its newest invoice."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return read_subscribed(unit, wanted)

    @patch("/{subscription_id:str}", scope="write", summary="Name a subscription anew")
    def change_labels(
        self, subscription_id: FromPath[str], data: JSONBody[SubscriptionPatch],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> SubscriptionOut:  # fmt: skip
        """Change your own id and metadata; the agreement stays as it is."""
        wanted, fields = path_id("subscription", subscription_id), given(data)
        expected = fields.pop("version", None)
        with engine.work(caller.merchant, caller.actor) as unit:
            require_version(expected, queries.lock_subscription(unit, wanted).version)
            relabel(unit, wanted, fields)
            return read_subscription(unit, wanted)

    @post(
        "/{subscription_id:str}/change-preview", scope="read", status=200,
        summary="Preview a change",
    )  # fmt: skip
    def preview_change(
        self, subscription_id: FromPath[str], data: JSONBody[ChangeIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> ChangePreviewOut:  # fmt: skip
        """Say what the change would do today; writes nothing, needs no key."""
        wanted, price = path_id("subscription", subscription_id), _price(data)
        with engine.work(caller.merchant, caller.actor) as unit:
            return shape_preview(
                change_plan.preview(
                    unit,
                    wanted,
                    price_id=price,
                    quantity=data.quantity,
                    mode=data.mode,
                    payment=data.payment,
                )
            )

    @post("/{subscription_id:str}/change", scope="write", summary="Change a subscription")
    def change_subscription(
        self, subscription_id: FromPath[str], data: JSONBody[ChangeIn],
        once: NamedDependency[Once],
    ) -> Response[ChangedOut]:  # fmt: skip
        """Change price or quantity as previewed: now, once it is paid, or at the period's end.

        With `pays_first` the answer is `applied: false` and the invoice is charged: the
        subscription shows it as `pending_upgrade` until `subscription.plan_changed` or
        `subscription.upgrade_lapsed` says what became of it. Asked for again it is the same one.
        """
        wanted, price = path_id("subscription", subscription_id), _price(data)
        done: list[change_plan.Changed] = []

        def begin(unit: Work) -> UUID:
            done.append(
                change_plan.change(
                    unit, wanted, price_id=price, quantity=data.quantity, mode=data.mode,
                    payment=data.payment, reason=data.reason,
                )
            )  # fmt: skip
            return wanted

        def finish(unit: Work, changed: UUID) -> ChangedOut:
            [made] = done
            return ChangedOut(
                applied=made.applied,
                preview=shape_preview(made.planned),
                subscription=read_subscription(unit, changed),
                invoice=public("invoice", made.planned.invoice_id),
                credit_notes=[ids.public("credit_note", note.id) for note in made.notes],
            )

        return once.run(begin, finish)

    @post(
        "/{subscription_id:str}/drop-change", scope="write", status=200,
        summary="Drop a waiting change",
    )  # fmt: skip
    def drop_change(
        self, subscription_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[SubscriptionOut]:
        """Forget the change that waits for the period's end, or the upgrade that is not paid."""
        wanted = path_id("subscription", subscription_id)

        def begin(unit: Work) -> UUID:
            change_plan.drop_change(unit, wanted)
            return wanted

        return once.run(begin, read_subscription, status=200)

    @post(
        "/{subscription_id:str}/cancel-preview", scope="read", status=200,
        summary="Preview a cancellation",
    )  # fmt: skip
    def preview_cancel(
        self, subscription_id: FromPath[str], data: JSONBody[CancelIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> CancelPreviewOut:  # fmt: skip
        """Say when service would end and what would be given back; writes nothing."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return shape_cancel(cancelling.preview_cancel(unit, wanted, when=data.when, to=data.on))

    @post(
        "/{subscription_id:str}/cancel", scope="write", status=200, summary="Cancel a subscription"
    )
    def cancel_subscription(
        self, subscription_id: FromPath[str], data: JSONBody[CancelIn],
        once: NamedDependency[Once],
    ) -> Response[SubscriptionOut]:  # fmt: skip
        """Cancel at the period's end, on a date, or now with the unused value given back."""
        wanted = path_id("subscription", subscription_id)
        return once.run(
            lambda unit: (
                cancelling.cancel(unit, wanted, when=data.when, to=data.on, reason=data.reason).id
            ),
            read_subscription,
            status=200,
        )

    @post(
        "/{subscription_id:str}/undo-cancel", scope="write", status=200,
        summary="Undo a cancellation",
    )  # fmt: skip
    def undo_cancel(
        self, subscription_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[SubscriptionOut]:
        """Let a subscription go on that was to end with its period, or on a date."""
        wanted = path_id("subscription", subscription_id)
        return once.run(
            lambda unit: cancelling.undo_cancel(unit, wanted).id, read_subscription, status=200
        )


def _price(data: ChangeIn) -> UUID | None:
    return body_id("price", data.price, "price")
