"""A run: everybody lives once, under one catalogue and one policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from core.calendars import instant_of
from dunning.policies import Policy
from ops.simulate.figures import Figures
from ops.simulate.life import live
from ops.simulate.people import Chances, Person, Seller
from ops.simulate.world import Bill, World

EVERY = 250


def play(
    people: Iterable[Person],
    *,
    seed: str,
    seller: Seller,
    chances: Chances,
    policy: Policy,
    first: date,
    months: int,
    progress: Callable[[int], None] = lambda _: None,
    keep: Callable[[Person, Bill], None] | None = None,
) -> Figures:
    """Play people forward for so many civil months; the same arguments give the same figures.

    Args:
        first: a day of the first month.
        progress: is called with how many have lived, every so many.
        keep: is given each invoice as it is issued.
    """
    figures = Figures.of(first, months)
    count = first.year * 12 + first.month - 1 + months
    until = instant_of(date(count // 12, count % 12 + 1, 1), seller.zone)
    world = World(seed, seller, chances, policy, until, figures, keep)
    done = 0
    for done, person in enumerate(people, 1):
        live(world, person)
        if done % EVERY == 0:
            progress(done)
    progress(done)
    figures.close()
    return figures
