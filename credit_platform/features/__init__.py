"""From the client mart to what a model is trained on: the feature schema, the splits, the preprocessor."""
