"""Saddle problems: one player minimizes what another maximizes."""
