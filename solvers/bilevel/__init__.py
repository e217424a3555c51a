"""Bilevel optimization: problems on plain torch functions, engines, and certificates that share nothing with them."""
