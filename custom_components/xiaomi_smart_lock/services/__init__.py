"""Service actions of this integration."""
