"""Benchmarks of the integration in a real Home Assistant: ``python -m benchmarks``."""
