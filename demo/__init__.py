"""A demo: a real Home Assistant with a simulated lock, for trying, checks and screenshots."""
