"""An unpaid invoice: when to try again, whom to tell, when to stop."""
