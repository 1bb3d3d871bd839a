"""A lock that behaves, behind the doors of the real one: HTTP and MQTT, and miIO over UDP."""
