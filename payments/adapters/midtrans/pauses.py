"""A classified answer that carries for how long Midtrans wants to be left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from payments.adapters.midtrans.client import Raw
from payments.gateway import AccountAnswer, Answer, RefundAnswer

P = ParamSpec("P")
A = TypeVar("A", Answer, RefundAnswer, AccountAnswer)


def with_pause(classify: Callable[Concatenate[Raw, P], A]) -> Callable[Concatenate[Raw, P], A]:
    """Add the pause that came with an answer, whatever the answer is made into."""

    def classified(raw: Raw, /, *args: P.args, **kwargs: P.kwargs) -> A:
        answer = classify(raw, *args, **kwargs)
        return answer if raw.retry_after is None else replace(answer, retry_after=raw.retry_after)

    classified.__doc__ = classify.__doc__
    return classified
