"""What is set and opened from afar, and who may."""
