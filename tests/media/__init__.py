"""Tests of pictures and recordings."""
