"""Version 1 of the API: one file for each resource, shapes on top, routes below."""

from __future__ import annotations

from litestar import Router

from api.v1.catalogue import CatalogueController
from api.v1.channels import ChannelsController
from api.v1.clock import ClockController
from api.v1.credit_notes import CreditNotesController
from api.v1.credits import CreditsController
from api.v1.customers import CustomersController
from api.v1.differences import DifferencesController
from api.v1.discounts import DiscountsController
from api.v1.dunning import DunningController
from api.v1.events import EventsController
from api.v1.gateway import GatewayController
from api.v1.invoice_routes import InvoicesController
from api.v1.items import ItemsController
from api.v1.keys import KeysController
from api.v1.life import LifeController
from api.v1.merchant_routes import MerchantsController
from api.v1.meters import MetersController
from api.v1.next_invoices import NextInvoicesController
from api.v1.one_offs import OneOffController
from api.v1.overrides import OverridesController
from api.v1.payment_methods import PaymentMethodsController
from api.v1.payment_orders import PaymentOrdersController
from api.v1.payments import PaymentsController
from api.v1.plans import PlansController
from api.v1.price_moves import PriceMovesController
from api.v1.refunds import RefundsController
from api.v1.reviews import ReviewsController
from api.v1.settlement_files import SettlementFilesController
from api.v1.staff import StaffController
from api.v1.subscription_routes import SubscriptionsController
from api.v1.usage import UsageController
from api.v1.wallets import WalletsController


def routes() -> Router:
    """Everything under ``/api/v1``."""
    return Router(
        path="/api/v1",
        route_handlers=[
            MerchantsController,
            StaffController,
            KeysController,
            CustomersController,
            CreditsController,
            OverridesController,
            PaymentMethodsController,
            WalletsController,
            ChannelsController,
            PlansController,
            CatalogueController,
            PriceMovesController,
            DiscountsController,
            MetersController,
            SubscriptionsController,
            UsageController,
            LifeController,
            NextInvoicesController,
            ItemsController,
            InvoicesController,
            OneOffController,
            PaymentsController,
            PaymentOrdersController,
            RefundsController,
            CreditNotesController,
            DunningController,
            ReviewsController,
            SettlementFilesController,
            DifferencesController,
            EventsController,
            GatewayController,
            ClockController,
        ],
    )
