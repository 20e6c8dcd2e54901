"""What gateways send to us."""
