"""Tests of the simulator with clients of others, each in its own environment; see scripts/peers."""
