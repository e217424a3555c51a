"""What several engines compute with: costs in tiles, passes over them, Newton systems, rounding. Certificates use none
of it."""
