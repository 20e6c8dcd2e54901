"""`tagihan prove`: nobody is charged twice and nobody is forgotten, whatever goes wrong."""
