"""Money moving: methods, attempts, instruments, refunds, the gateway."""
