"""Texts for users, in Home Assistant's language."""
