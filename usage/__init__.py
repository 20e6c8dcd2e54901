"""What was used: events, meters that count them, and sums that a bill is made of."""
