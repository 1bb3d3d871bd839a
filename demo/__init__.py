"""A real Home Assistant with a simulated lock, to look at, to check and to photograph."""
