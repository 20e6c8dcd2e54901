"""Read-only questions over many tables."""
