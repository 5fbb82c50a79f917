"""From a model version and client rows to probabilities, decisions and contributions, offline and online alike."""
