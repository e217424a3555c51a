"""The engines of studies, one a file."""
