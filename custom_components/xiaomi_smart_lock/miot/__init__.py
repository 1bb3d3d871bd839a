"""The lock's protocols: MIoT over Xiaomi's cloud, over its MQTT broker and over miIO.

This package does not import Home Assistant.
"""
