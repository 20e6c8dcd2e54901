"""Moves: the subscribers of a price brought to a later version of it, announced and undone."""
