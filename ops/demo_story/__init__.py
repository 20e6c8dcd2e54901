"""The demo's parts: a throw-away instance, its callers, a year of customers, what is checked."""
