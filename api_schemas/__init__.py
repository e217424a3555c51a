"""The contract between Kantor and its users: problems, answers, jobs, events, errors. Imports pydantic and nothing of ours."""

VERSION = "0.1.0"
