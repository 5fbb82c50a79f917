"""The client mart: one row per application, with what is known of the client, as DuckDB SQL."""
