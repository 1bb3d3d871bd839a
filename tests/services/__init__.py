"""Home Assistant's actions of the integration."""
