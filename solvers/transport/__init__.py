"""Optimal transport: problems, answers, plans and engines. Certificates are apart, and share no code with engines."""
