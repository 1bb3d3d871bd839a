"""Faults of the cloud, its broker, the network and the lock, and what stays true in each."""
