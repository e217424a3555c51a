"""PostgreSQL: connections and migrations. The SQL itself stands beside the rules that need it."""
