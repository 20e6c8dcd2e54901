"""Midtrans behind the gateway port."""
