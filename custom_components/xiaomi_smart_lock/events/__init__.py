"""The events of a lock: processing, journal, and history sync for missed ones."""
