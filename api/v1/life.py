"""Routes of a subscription's life: on trial, paused, resumed; whether it is served now."""

from __future__ import annotations

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import path_id
from api.v1.life_shapes import (
    AccessOut,
    PauseIn,
    PausePreviewOut,
    ResumeIn,
    ResumePreviewOut,
    TrialIn,
    TrialPreviewOut,
    read_access,
    shape_pause,
    shape_resume,
    shape_trial,
)
from api.v1.subscriptions import SubscriptionOut, read_subscription
from billing.engine import Engine
from billing.flows import pause as pausing
from billing.flows import trial as trying


class LifeController(Controller):
    """Routes that begin, interrupt and go on with service."""

    path = "/subscriptions"
    tags = ("Subscriptions",)

    @get("/{subscription_id:str}/access", scope="read", summary="May it be used now?")
    def get_access(
        self, subscription_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> AccessOut:  # fmt: skip
        """Say whether the customer may use the service now, until when, and why not.

        Ask it where your application lets somebody in; it is decided from the same dates that
        billing goes by.
        """
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return read_access(unit, wanted)

    @post(
        "/{subscription_id:str}/trial-preview", scope="read", status=200,
        summary="Preview a trial's end",
    )  # fmt: skip
    def preview_trial(
        self, subscription_id: FromPath[str], data: JSONBody[TrialIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> TrialPreviewOut:  # fmt: skip
        """Say what would be billed first and when, if the trial ended then; writes nothing."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return shape_trial(trying.preview_trial(unit, wanted, to=data.ends_on))

    @post(
        "/{subscription_id:str}/trial", scope="write", status=200,
        summary="Extend or end a trial",
    )  # fmt: skip
    def move_trial(
        self, subscription_id: FromPath[str], data: JSONBody[TrialIn],
        once: NamedDependency[Once],
    ) -> Response[SubscriptionOut]:  # fmt: skip
        """Extend a trial, or end it today: then its first period is invoiced now."""
        wanted = path_id("subscription", subscription_id)
        return once.run(
            lambda unit: trying.move_trial(
                unit, wanted, to=data.ends_on, reason=data.reason
            ).id,
            read_subscription,
            status=200,
        )  # fmt: skip

    @post(
        "/{subscription_id:str}/pause-preview", scope="read", status=200, summary="Preview a pause"
    )
    def preview_pause(
        self, subscription_id: FromPath[str], data: JSONBody[PauseIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> PausePreviewOut:  # fmt: skip
        """Say from when nothing would be served and what would be given back; writes nothing."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return shape_pause(
                pausing.preview_pause(unit, wanted, policy=data.policy, resume_on=data.resume_on)
            )

    @post("/{subscription_id:str}/pause", scope="write", status=200, summary="Pause a subscription")
    def pause_subscription(
        self, subscription_id: FromPath[str], data: JSONBody[PauseIn],
        once: NamedDependency[Once],
    ) -> Response[SubscriptionOut]:  # fmt: skip
        """Pause as previewed: nothing is served or billed until it resumes."""
        wanted = path_id("subscription", subscription_id)
        return once.run(
            lambda unit: pausing.pause(
                unit, wanted, policy=data.policy, resume_on=data.resume_on,
                keep_anchor=data.keep_anchor, reason=data.reason,
            ).id,
            read_subscription,
            status=200,
        )  # fmt: skip

    @post("/{subscription_id:str}/undo-pause", scope="write", status=200, summary="Undo a pause")
    def undo_pause(
        self, subscription_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[SubscriptionOut]:
        """Let a subscription go on that was to pause when its paid time is over."""
        wanted = path_id("subscription", subscription_id)
        return once.run(
            lambda unit: pausing.undo_pause(unit, wanted).id, read_subscription, status=200
        )

    @post(
        "/{subscription_id:str}/resume-preview", scope="read", status=200,
        summary="Preview resuming",
    )  # fmt: skip
    def preview_resume(
        self, subscription_id: FromPath[str], data: JSONBody[ResumeIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> ResumePreviewOut:  # fmt: skip
        """Say what would be billed on the date it is served again; writes nothing."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return shape_resume(
                pausing.preview_resume(unit, wanted, on=data.on, keep_anchor=data.keep_anchor)
            )

    @post(
        "/{subscription_id:str}/resume", scope="write", status=200, summary="Resume a subscription"
    )
    def resume_subscription(
        self, subscription_id: FromPath[str], data: JSONBody[ResumeIn],
        once: NamedDependency[Once],
    ) -> Response[SubscriptionOut]:  # fmt: skip
        """Serve a paused subscription again: today, or on a date to come."""
        wanted = path_id("subscription", subscription_id)
        return once.run(
            lambda unit: pausing.resume(
                unit, wanted, on=data.on, keep_anchor=data.keep_anchor
            ).id,
            read_subscription,
            status=200,
        )  # fmt: skip
