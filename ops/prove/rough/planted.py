"""Starts a role of ours with a known mistake in it: ``python -m ops.prove.rough.planted BUG ROLE``.

The shipped entry points know nothing of it: the mistake is planted here and the command is run.
"""

from __future__ import annotations

import sys

from ops import cli


def is_known(bug: str) -> bool:
    """Whether there is a mistake of this name."""
    from ops.prove import bugs

    return bug in bugs.BUGS


def sql_of(bug: str) -> tuple[str, ...]:
    """The guards of the database that it takes away."""
    from ops.prove import bugs

    return tuple(bugs.BUGS[bug].sql)


def main(arguments: list[str]) -> None:
    """Plant the first, run the rest as `tagihan` would."""
    from ops.prove import bugs

    bug, *command = arguments
    sys.argv = ["tagihan", *command]
    with bugs.planted(bug):
        cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
