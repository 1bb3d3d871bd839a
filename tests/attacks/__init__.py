"""The tool that attacks a running Home Assistant."""
