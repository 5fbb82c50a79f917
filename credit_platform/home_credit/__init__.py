"""The source: what Home Credit's tables contain, how a delivery is checked and landed, and how one is simulated."""
