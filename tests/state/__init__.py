"""Tests of the state of a lock."""
