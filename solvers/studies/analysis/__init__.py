"""What a study has shown: importance, marginals, contours, calibration, fronts, hypervolume, parallel coordinates."""
