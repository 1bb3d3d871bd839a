"""The entry, its account and the session of the Mi Home app."""
