"""How a payer pays now: a card just given, a saved method, or a way he pushes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from billing.flows.consents import Mandate
from core.errors import InvalidRequest
from payments.card_terms import CardTerms, require_allowed
from payments.channels import HOSTED


@dataclass(frozen=True, slots=True)
class Means:
    """How the payer pays now: a fresh card token, a saved method, or (neither) by ``channel``, the
    merchant's first number where none is said.

    ``authorize_only`` holds the amount on the fresh card; a person captures it later. ``terms``
    are those of a fresh card.

    Raises:
        InvalidRequest: ``two_means``, when both are given; ``hold_not_possible``,
            ``card_terms_not_possible``; ``card_not_allowed``, a card that the terms exclude.
    """

    card_token: str | None = field(default=None, repr=False)
    payment_method_id: UUID | None = None
    mandate: Mandate | None = None
    channel: str | None = None
    authorize_only: bool = False
    terms: CardTerms = field(default_factory=CardTerms)

    def __post_init__(self) -> None:
        if self.card_token is not None and self.payment_method_id is not None:
            raise InvalidRequest(
                "two_means", "give a card_token or a payment_method, not both", field="payment"
            )
        if self.authorize_only and self.card_token is None:
            raise hold_not_possible()
        if self.terms and self.card_token is None:
            raise card_terms_not_possible()
        if self.card_token is not None:
            require_allowed(self.card_token, self.terms.bins)

    def require_no_terms(self) -> None:
        """Refuse what only a one-off payment knows.

        Raises:
            InvalidRequest: ``hold_not_possible``, ``card_terms_not_possible``.
        """
        if self.authorize_only:
            raise hold_not_possible()
        if self.terms:
            raise card_terms_not_possible()

    @property
    def is_pull(self) -> bool:
        """Whether we charge, and the customer does not push."""
        return self.card_token is not None or self.payment_method_id is not None

    @property
    def is_card_on_page(self) -> bool:
        """Whether a card is given on a hosted page, to be kept: the page shows nothing else."""
        return not self.is_pull and self.mandate is not None and self.channel in HOSTED

    @property
    def is_fresh_card(self) -> bool:
        """Whether the payer gives a card that may be kept."""
        return self.card_token is not None or self.is_card_on_page


def card_terms_not_possible() -> InvalidRequest:
    """The refusal of terms on anything but a fresh card of a one-off payment."""
    return InvalidRequest(
        "card_terms_not_possible",
        "installment and allowed_bins go with the card_token of a one-off payment",
        field="payment",
    )


def hold_not_possible() -> InvalidRequest:
    """The refusal of a hold on anything but a fresh card of a one-off payment."""
    return InvalidRequest(
        "hold_not_possible", "only the card_token of a one-off payment can be held",
        field="payment.authorize_only",
    )  # fmt: skip
