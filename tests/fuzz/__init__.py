"""Fuzz tests: invalid data from outside causes no other errors than the integration's own."""
