"""The lock's protocols: MIoT over Xiaomi's cloud, over its MQTT broker and over miIO.

Nothing here imports Home Assistant.
"""
