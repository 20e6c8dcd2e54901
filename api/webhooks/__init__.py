"""What we send to others."""
