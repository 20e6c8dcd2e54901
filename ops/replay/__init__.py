"""Every stored line worked out again, from its derivation and from what was sold."""
