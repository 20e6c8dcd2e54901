"""Items beside a subscription's first: add, change and remove them, previewed and done."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import Day, Out, Rupiah, body_id, path_id
from api.v1.change_shapes import CreditPlanOut, QuotedLineOut, shape_credit, shape_quoted
from api.v1.item_shapes import ExtraOut, ItemChangeIn, shape_extras
from api.v1.subscriptions import SubscriptionOut, read_subscription
from billing import queries
from billing.engine import Engine
from billing.flows import change_items
from billing.flows.item_quote import ItemWish, PlannedItem
from core import ids
from core.work import Work


class ItemsOut(Out):
    """What a subscription has beside its first item."""

    data: list[ExtraOut]


class ItemPreviewOut(Out):
    """What a change of an item does, to the last rupiah, if it is made today."""

    change: str
    item: str
    mode: str
    effective_on: Day
    from_price: str | None
    from_quantity: int
    price: str | None
    quantity: int
    lines: list[QuotedLineOut]
    subtotal: Rupiah
    tax: Rupiah
    total: Rupiah
    credits: list[CreditPlanOut]


class ItemChangedOut(Out):
    """A change of an item that was made, or holds from `effective_on`."""

    preview: ItemPreviewOut
    subscription: SubscriptionOut
    invoice: str | None
    credit_notes: list[str]


class ItemsController(Controller):
    """Routes of items."""

    path = "/subscriptions"
    tags = ("Subscriptions",)

    @get("/{subscription_id:str}/items", scope="read", summary="List items")
    def list_items(
        self, subscription_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> ItemsOut:  # fmt: skip
        """What is served beside the first item, and what waits to begin."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            row = queries.get_subscription(unit, wanted)
            return ItemsOut(data=shape_extras(unit, [row])[row.id])

    @post(
        "/{subscription_id:str}/item-change-preview", scope="read", status=200,
        summary="Preview a change of an item",
    )  # fmt: skip
    def preview_item(
        self, subscription_id: FromPath[str], data: JSONBody[ItemChangeIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> ItemPreviewOut:  # fmt: skip
        """Say what the change would do today; writes nothing, needs no key."""
        wanted, wish = path_id("subscription", subscription_id), _wish(data)
        with engine.work(caller.merchant, caller.actor) as unit:
            return _shape(change_items.preview_item(unit, wanted, wish))

    @post("/{subscription_id:str}/item-change", scope="write", summary="Change an item")
    def change_item(
        self, subscription_id: FromPath[str], data: JSONBody[ItemChangeIn],
        once: NamedDependency[Once],
    ) -> Response[ItemChangedOut]:  # fmt: skip
        """Add, change or remove an item as previewed: now, or from the next period on."""
        wanted, wish = path_id("subscription", subscription_id), _wish(data)
        done: list[change_items.ItemChanged] = []

        def begin(unit: Work) -> UUID:
            done.append(change_items.change_item(unit, wanted, wish, reason=data.reason))
            return wanted

        def finish(unit: Work, changed: UUID) -> ItemChangedOut:
            [made] = done
            return ItemChangedOut(
                preview=_shape(made.planned),
                subscription=read_subscription(unit, changed),
                invoice=ids.public("invoice", made.invoice.id) if made.invoice else None,
                credit_notes=[ids.public("credit_note", note.id) for note in made.notes],
            )

        return once.run(begin, finish)


def _wish(data: ItemChangeIn) -> ItemWish:
    return ItemWish(
        extra_id=body_id("item", data.item, "item"),
        price_id=body_id("price", data.price, "price"),
        quantity=data.quantity,
        mode=data.mode,
    )


def _shape(planned: PlannedItem) -> ItemPreviewOut:
    document = planned.document
    return ItemPreviewOut(
        change=ids.public("change", planned.change_id),
        item=ids.public("item", planned.extra_id),
        mode=planned.quote.mode,
        effective_on=planned.quote.effective_on,
        from_price=ids.public("price", planned.old.id) if planned.old else None,
        from_quantity=planned.old_quantity,
        price=ids.public("price", planned.new.id) if planned.new else None,
        quantity=planned.quantity,
        lines=shape_quoted(document),
        subtotal=document.subtotal.amount if document else 0,
        tax=document.tax.tax.amount if document else 0,
        total=document.total.amount if document else 0,
        credits=[shape_credit(one) for one in planned.credits],
    )
