"""Settings that wait, and unlocking."""
