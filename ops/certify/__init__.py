"""`tagihan certify`: the contract of the port, tried against the simulator and a sandbox."""
