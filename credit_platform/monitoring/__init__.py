"""Whether the model still faces the clients it was made for: drift reports and performance."""
