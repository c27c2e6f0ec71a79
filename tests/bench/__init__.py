"""Measurements against the budgets: figures for people to judge, never tests."""
