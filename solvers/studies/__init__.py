"""Black-box optimization by ask and tell: spaces, trials, engines, early stopping and analysis, on numpy and scipy."""
