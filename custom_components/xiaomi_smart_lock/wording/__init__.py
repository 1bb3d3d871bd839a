"""What is said, in the language of Home Assistant."""
