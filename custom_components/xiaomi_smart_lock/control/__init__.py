"""Remote control of a lock: settings, unlocking, clock, and permissions."""
