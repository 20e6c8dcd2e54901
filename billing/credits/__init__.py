"""The customer's balance by the lots it came in: paid money, and promotional credit."""
