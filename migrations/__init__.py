"""Alembic migrations, in plain SQL."""
