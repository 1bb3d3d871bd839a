"""Clients that were not written here, each in an environment of its own: see ``scripts/peers``."""
