"""What the integration adds to Home Assistant's frontend: a dashboard of the locks."""
