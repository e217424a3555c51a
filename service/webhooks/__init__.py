"""Webhooks: who wants to hear of which jobs, and the deliveries (Standard Webhooks 1.0)."""
