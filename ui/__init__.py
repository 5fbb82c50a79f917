"""The analyst's page. It asks the API for everything and imports only the settings from credit_platform."""
