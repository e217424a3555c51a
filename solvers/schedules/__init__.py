"""Schedules: curves of a knob over the steps of a training, made, refined, bounded and adapted from observations."""
