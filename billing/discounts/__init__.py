"""Discounts: their rows, who was given them, and what they make of a period."""
