"""What a lock means, by tables alone."""
