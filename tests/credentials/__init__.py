"""Credentials that are enrolled, and that end."""
