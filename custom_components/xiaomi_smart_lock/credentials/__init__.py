"""Users and credentials of a lock: commands, enrollment, and expiry."""
