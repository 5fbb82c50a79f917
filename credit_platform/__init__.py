"""Credit scoring as a graph of Dagster assets. Each folder is a stage of the graph and an asset group."""
