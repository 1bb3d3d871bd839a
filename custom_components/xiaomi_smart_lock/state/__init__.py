"""What is known of one lock: pure data, without Home Assistant."""
