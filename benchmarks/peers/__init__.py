"""The bare floors that Kantor is measured against: a Celery no-op and uvicorn endpoints that do nothing."""
