"""Pure numerics: one engine per file, grouped by problem family. Knows nothing of web, queue or database."""
