"""Dose-response curves, shifts of their IC50 between arms, and synergy of two drugs."""
