"""Tests of the simulator, by clients that it did not make itself."""
