"""The Celery pool: claims jobs, supervises the processes that solve them, stores answers."""
