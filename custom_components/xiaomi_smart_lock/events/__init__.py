"""The events of a lock: taken once, kept, and read again where they were missed."""
