"""Attacks on a running Home Assistant with locks, none of which may succeed."""
