"""Pages for people: the customer's documents and payment, the merchant's staff."""

from __future__ import annotations

from typing import Any

from litestar import Router

from api.pages import assets, landing, portal, portal_card, portal_gopay
from api.pages.errors import HANDLERS
from api.pages.staff import (
    cancels,
    catalogue,
    changes,
    corrections,
    desk,
    discounts,
    grants,
    holds,
    matters,
    methods,
    moving,
    pauses,
    reconciling,
    refunds,
    sign_in,
    trials,
    used,
)


def routes() -> list[Any]:
    """All pages, to be put into the application beside the API; errors among them are pages too."""
    return [
        Router(
            path="/",
            route_handlers=[
                assets.static_file,
                portal.show,
                portal.status,
                portal.pdf,
                portal.ask_for_va,
                portal.ask_for_way,
                portal_gopay.link_gopay,
                portal_gopay.pay_by_gopay,
                portal_card.pay_by_card,
                landing.show,
                landing.subscribe,
                landing.trial,
                sign_in.form,
                sign_in.sign_in,
                sign_in.sign_out,
                desk.home,
                matters.resolve,
                desk.customer,
                desk.invoice,
                desk.invoice_pdf,
                desk.credit_note,
                desk.credit_note_pdf,
                changes.change_form,
                changes.change,
                cancels.cancel_form,
                cancels.cancel,
                cancels.resume,
                trials.trial_form,
                trials.trial,
                used.usage_page,
                pauses.pause_form,
                pauses.pause,
                pauses.undo_pause,
                pauses.unpause_form,
                pauses.unpause,
                changes.drop_change,
                corrections.credit_form,
                corrections.credit,
                corrections.void_form,
                corrections.void,
                corrections.send,
                grants.grant_form,
                grants.give,
                refunds.refund_form,
                refunds.refund,
                refunds.waiting,
                refunds.decide,
                reconciling.overview,
                reconciling.export,
                reconciling.upload,
                reconciling.report_page,
                reconciling.report_act,
                reconciling.difference_page,
                reconciling.difference_act,
                holds.hold,
                holds.decide_hold,
                methods.end_card,
                discounts.discounts,
                discounts.make_discount,
                discounts.stop,
                catalogue.plans,
                catalogue.plan_page,
                catalogue.check_plan,
                catalogue.apply_plan,
                moving.look,
                moving.start,
                moving.move_page,
                moving.undo_moving,
            ],
            exception_handlers=HANDLERS,
            include_in_schema=False,
            # They sign people in by themselves, with links and cookies instead of keys.
            opt={"scope": "page"},
        )
    ]
