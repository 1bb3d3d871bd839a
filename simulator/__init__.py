"""A simulated lock with the interfaces of the real one: HTTP, MQTT, and miIO over UDP."""
