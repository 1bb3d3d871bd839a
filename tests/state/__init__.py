"""What is known of one lock."""
