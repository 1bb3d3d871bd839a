"""How much the integration costs, measured in a real Home Assistant: ``python -m benchmarks``."""
