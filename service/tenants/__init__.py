"""Organisations, their projects and members, what projects may use and have used, and the log of who did what."""
