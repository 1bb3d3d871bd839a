"""What an entry keeps of its account, and the session of the Mi Home app."""
