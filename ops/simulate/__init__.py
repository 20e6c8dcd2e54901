"""A catalogue and a portfolio played forward in memory, by the engine's own rules."""
