"""Mandates: the consents of holders to be charged without being asked."""
