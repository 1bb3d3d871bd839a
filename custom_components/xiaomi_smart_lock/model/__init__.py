"""What a lock means, without Home Assistant."""
