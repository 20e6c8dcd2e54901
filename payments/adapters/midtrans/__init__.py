"""Midtrans' classic Core API behind our port, through its official client."""
