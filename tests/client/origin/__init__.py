"""Tests of relstore.client.origin."""
