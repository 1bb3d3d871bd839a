"""The known state of one lock: pure data, without Home Assistant."""
