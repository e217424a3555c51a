"""REST: HTTP in front of the job rules. The wire is ``api_schemas``; what happens is ``service.jobs``."""
