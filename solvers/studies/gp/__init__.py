"""Gaussian processes: kernel, hyperparameters by the marginal likelihood, posterior."""
