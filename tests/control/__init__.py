"""Tests of queued settings and of unlocking."""
