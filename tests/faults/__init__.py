"""Tests with faults of the cloud, its broker, the network and the lock."""
