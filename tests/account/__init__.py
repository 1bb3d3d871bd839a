"""Tests of the account: entry data and the Mi Home app session."""
