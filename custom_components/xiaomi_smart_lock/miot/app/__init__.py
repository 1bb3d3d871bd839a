"""The Mi Home app's session at Xiaomi."""
