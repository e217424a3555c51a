"""Processes that solve: a zygote that has imported and never solves, and the runners forked from it."""
