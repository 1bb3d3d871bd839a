"""Tests of the simulator, by independent clients."""
