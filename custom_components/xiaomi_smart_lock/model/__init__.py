"""The meaning of a lock's specification, without Home Assistant."""
