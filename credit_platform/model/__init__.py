"""From splits to a registered model version: search, business cost, threshold, registry."""
