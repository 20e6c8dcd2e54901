"""Running it: command line, processes, embedded PostgreSQL."""
