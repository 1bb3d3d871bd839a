"""Tests of the integration and of the simulator that they run against."""
