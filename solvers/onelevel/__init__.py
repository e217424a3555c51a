"""One level: minimize a function written in the expression language, with bounds and constraints."""
