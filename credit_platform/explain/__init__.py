"""Why the model decides as it does: the global SHAP summary."""
