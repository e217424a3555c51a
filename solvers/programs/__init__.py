"""Mathematical programs: linear, mixed-integer, quadratic, conic, and nonlinear through ``.nl`` files."""
