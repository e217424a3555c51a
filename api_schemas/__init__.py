"""The contract between Kantor and its users: problems, answers, jobs, events, errors. Imports pydantic only."""

VERSION = "0.1.0"
