"""Decisions over REST. Imports credit_platform's plain modules, never an `assets.py`, and neither dagster nor shap."""
