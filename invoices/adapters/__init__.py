"""Renderings of an invoice."""
