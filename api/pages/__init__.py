"""Pages for people: customers and staff."""
