"""Where the desk finds the API, and with which key; read from `CREDIT_API_URL`, `CREDIT_API_KEY` or a `.env` file."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_REPOSITORY = Path(__file__).resolve().parent.parent


class UiSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CREDIT_", env_file=_REPOSITORY / ".env", extra="ignore", frozen=True)

    api_url: str = Field("http://127.0.0.1:8000", description="Where the API is.")
    api_key: SecretStr | None = Field(
        None, description="The key that the desk sends for everybody; without one, people give their own."
    )
