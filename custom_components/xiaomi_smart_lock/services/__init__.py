"""Home Assistant's actions of this integration."""
