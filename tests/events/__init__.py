"""Events as they happen, and the past."""
