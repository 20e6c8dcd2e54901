"""The rough tier: real processes, real signals, a gateway over HTTP behind a wire that loses."""
