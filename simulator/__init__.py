"""A Midtrans on your desk; imports nothing of the engine."""
