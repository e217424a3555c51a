"""Version 1. Fields are added, never changed or reused."""
