"""Every path, cost and threshold in one object, read from `CREDIT_*` environment variables or a `.env` file.

Not here: anything that is fitted to data (it travels inside the model version) or that Dagster itself configures.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CREDIT_", env_file=_REPOSITORY / ".env", extra="ignore", frozen=True)

    data_dir: Annotated[Path, AfterValidator(Path.absolute)] = Field(
        _REPOSITORY / "data", description="Root of landing, lake, MLflow store and reports."
    )
    threads: int = Field(2, ge=1, description="Threads for DuckDB and CatBoost.")
    memory_limit: str = Field("4GB", description="Memory limit of each DuckDB connection.")
    bucket_clients: int = Field(25_000, ge=1, description="Most clients in a bucket of a cohort's tables.")
    lake_uri: str = Field("", description="Object store for the lake, as s3://bucket/prefix; empty: data_dir/lake.")
    keep_versions_days: float = Field(7, ge=0, description="Days for which a replaced version of a table is kept.")
    backfill: Literal["per_cohort", "single_run"] = Field(
        "per_cohort", description="Whether a backfill over cohorts is one run for each or one run for all."
    )
    compute: Literal["local", "ray"] = Field("local", description="Where buckets and grid searches are worked on.")
    ray_address: str = Field("auto", description="Ray cluster, as auto, host:port or ray://host:port.")
    retrain_on_outcomes: bool = Field(False, description="Whether outcomes that arrive late start a training run.")
    seed: int = Field(20, description="Seed of splits, search and sampling.")

    quality_limits: dict[str, float] = Field(
        {}, description='Limits of the quality rules (quality/rules.toml) to override, such as {"left_out_most": 0.3}.'
    )

    cost_false_negative: float = Field(10.0, gt=0, description="Cost of a missed default, in refused good clients.")
    cost_false_positive: float = Field(1.0, gt=0, description="Cost of one good client refused.")
    training_cohorts: str = Field(
        "", description="Cohorts to train on, as first..last or a list; empty: all labelled but the newest dated one."
    )
    protected_attributes: tuple[str, ...] = Field(
        ("CODE_GENDER", "DAYS_BIRTH", "NAME_FAMILY_STATUS", "CNT_CHILDREN", "CNT_FAM_MEMBERS", "NAME_TYPE_SUITE"),
        description="Columns of the application that must not decide; what is computed from them neither.",
    )
    suspicious_auc: float = Field(
        0.85, gt=0.5, le=1, description="AUC from which a single feature is taken for a leak of the outcome."
    )
    most_features: int = Field(200, ge=1, description="Most features a model reads, the most important ones.")
    valid_share: float = Field(0.2, gt=0, lt=0.5, description="Share of labelled clients in the validation split.")
    test_share: float = Field(0.2, gt=0, lt=0.5, description="Share of labelled clients in the test split.")
    cross_validation_folds: int = Field(3, ge=2, description="Folds of the grid search.")
    search_jobs: int = Field(1, ge=1, description="Fits of the grid search at the same time on this machine.")
    bootstrap_samples: int = Field(200, ge=20, description="Resamples behind every interval.")
    review_margin: float = Field(
        0.2, ge=0, lt=1, description="A person decides where approving and refusing differ by less than this."
    )
    scale_points: float = Field(600, description="Points at the odds of scale_odds.")
    scale_odds: float = Field(50, gt=0, description="Good clients to one bad at scale_points.")
    scale_points_to_double: float = Field(20, gt=0, description="Points that double the odds.")
    shap_sample: int = Field(1000, ge=10, description="Rows explained for the global SHAP summary.")

    mlflow_tracking_uri: str = Field("", description="MLflow server; empty for a SQLite store under data_dir.")
    mlflow_artifacts_uri: str = Field(
        "", description="Where a new experiment keeps artifacts, as s3://bucket/prefix; empty: data_dir, or the server."
    )
    mlflow_experiment: str = Field("credit_scoring", description="MLflow experiment of the training runs.")
    model_name: str = Field("credit_scoring_model", description="Name of the registered model.")
    model_alias: str = Field("champion", description="Alias of the version that decides.")

    decisions_url: SecretStr = Field(
        SecretStr(""), description="Decision log, as postgresql://...; empty: SQLite under data_dir."
    )
    decisions_key: SecretStr | None = Field(
        None, description="Master key of the decision log; empty: a file under data_dir."
    )
    keep_decisions_days: int = Field(
        1826, ge=1, description="Days for which what a decision was made from can be read."
    )

    decisions_record: bool = Field(
        True, description="Whether decisions are put on record; off for benchmarks on this machine only."
    )
    shadow_challenger: bool = Field(
        False, description="Whether the challenger scores what the API decides; both probabilities are recorded."
    )

    promotion: Literal["auto", "sign-off"] = Field(
        "auto", description="Whether a passed gate promotes a version, or a person does (credit-platform promote)."
    )
    gate_confidence: float = Field(0.95, ge=0.5, lt=1, description="Confidence of the gate's two-sided intervals.")
    gate_minimum_gain: float = Field(
        0.01, ge=0, lt=1, description="Share of the champion's cost that a new version's gain has to exceed."
    )
    gate_minimum_defaults: int = Field(
        20, ge=1, description="Defaulters, and good clients, the gate needs among the clients it judges on."
    )

    drift_columns: int = Field(
        30, ge=1, description="Most important features: shown in the Evidently report; one that moved is a warning."
    )
    drift_sample: int = Field(5000, ge=100, description="Rows drawn per side for pictures and the domain classifier.")
    drift_level: float = Field(
        0.01, gt=0, lt=1, description="Chance of any false alarm in a layer, whatever the number of columns."
    )
    drift_clients: int = Field(100, ge=2, description="Clients below which findings are shown, but not told.")
    drift_psi: float = Field(0.1, gt=0, description="PSI from which a column, or the score, counts as drifted.")
    drift_psi_critical: float = Field(0.25, gt=0, description="PSI of the score from which it is critical.")
    drift_ks: float = Field(0.1, gt=0, le=1, description="The same as KS distance, for columns of mostly one value.")
    drift_share: float = Field(
        0.2, gt=0, le=1, description="Share of the features, by importance, from which all of them count as drifted."
    )
    drift_missing: float = Field(0.05, gt=0, le=1, description="Change of a missing share from which a column drifted.")
    drift_unseen: float = Field(0.01, gt=0, le=1, description="Share in categories never seen that is a warning.")
    drift_outside: float = Field(0.05, gt=0, le=1, description="Share outside the reference's range that is a warning.")
    drift_feed: float = Field(
        0.25, gt=0, le=1, description="Change of missing share, or share out of range, by which a feed is broken."
    )
    drift_risk: float = Field(0.2, gt=0, description="Relative change of mean PD or expected cost that is a warning.")
    drift_approval: float = Field(0.1, gt=0, le=1, description="Change of the approval rate that is a warning.")
    drift_auc: float = Field(0.03, gt=0, description="AUC below what the scores promise that is a warning.")
    drift_calibration: float = Field(0.2, gt=0, description="Defaults more or fewer than promised that are a warning.")
    drift_classifier: float = Field(
        0.65, gt=0.5, le=1, description="AUC from which a classifier tells a cohort from the reference."
    )
    drift_skew: float = Field(0.001, ge=0, le=1, description="Share of logged features that may differ from the mart.")
    drift_reports: int = Field(24, ge=1, description="Evidently reports that are kept, of the newest cohorts.")

    alert_url: SecretStr = Field(SecretStr(""), description="Incidents, as postgresql://...; empty: SQLite, data_dir.")
    alert_runbook: str = Field("docs/alerts.md", description="Where messages say what to do, as an address or path.")
    alert_confirm: int = Field(2, ge=1, description="Cohorts in a row with a warning until it is told; critical: one.")
    alert_confirm_kinds: dict[str, int] = Field({}, description='The same by kind of alert, such as {"outcomes": 1}.')
    alert_clear: int = Field(2, ge=1, description="Good cohorts in a row until an incident is over by itself.")
    alert_remind_days: float = Field(7, gt=0, description="Days between reminders of what is still open.")
    alert_overdue_hours: float = Field(24, gt=0, description="Hours after which an untaken critical one is told again.")
    alert_give_up_days: float = Field(3, gt=0, description="Days for which a channel that fails is tried.")
    alert_silence_hours: float = Field(48, gt=0, description="Hours after landing within which monitoring must run.")
    alert_expect_days: float = Field(40, gt=0, description="Days after a cohort within which the next one must land.")
    alert_webhook_url: SecretStr = Field(SecretStr(""), description="Webhook that gets each message as JSON.")
    alert_webhook_secret: SecretStr = Field(SecretStr(""), description="Key of the webhook's HMAC signature.")
    alert_slack_url: SecretStr = Field(SecretStr(""), description="Incoming webhook of Slack.")
    alert_teams_url: SecretStr = Field(SecretStr(""), description="Workflow of Microsoft Teams for webhook requests.")
    alert_mail_to: tuple[str, ...] = Field((), description="Who gets mail.")
    alert_mail_from: str = Field("credit-platform@localhost", description="Whom mail comes from.")
    alert_smtp_host: str = Field("", description="SMTP server.")
    alert_smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    alert_smtp_user: str = Field("", description="User of the SMTP server; empty: no login.")
    alert_smtp_password: SecretStr = Field(SecretStr(""), description="Its password.")
    alert_smtp_tls: Literal["starttls", "tls", "none"] = Field("starttls", description="How mail is encrypted.")

    retrain_on_drift: bool = Field(True, description="Whether open incidents of drift or performance start a training.")
    retrain_least_cohorts: int = Field(
        4, ge=2, description="Labelled cohorts since a drift began that a training because of it waits for."
    )
    retrain_cooldown_days: float = Field(180, ge=0, description="Days after a training without another by drift.")
    retrain_most_per_year: int = Field(2, ge=0, description="Most trainings by drift within a year.")

    api_url: str = Field("http://127.0.0.1:8000", description="Where the UI finds the API.")
    api_key: SecretStr | None = Field(None, description="Key the API asks for and the UI sends; must beyond localhost.")
    api_keys_file: Path | None = Field(None, description="The API's keys; empty: api-keys.json under data_dir.")
    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    api_workers: int = Field(1, ge=1, description="Processes of the API.")
    api_max_body_bytes: int = Field(1_000_000, gt=0, description="Largest request body the API reads.")
    api_max_upload_bytes: int = Field(200_000_000, gt=0, description="Largest upload of a batch the API reads.")
    api_batch_rows: int = Field(50_000, ge=1, description="Most rows of a batch that the API scores in one request.")
    api_body_seconds: float = Field(10, gt=0, description="Seconds until a request body must have come.")
    api_timeout_seconds: float = Field(30, gt=0, description="Seconds until an answer must have begun.")
    api_upload_timeout_seconds: float = Field(600, gt=0, description="The same for uploads of a batch, body included.")
    api_requests_per_second: float = Field(
        1000, ge=0, description="Requests a second with keys of one name to one process of the API; 0: any number."
    )
    api_concurrency: int = Field(64, ge=1, description="Requests that one process of the API works on at once.")
    api_waiting: int = Field(512, ge=0, description="Requests that may wait for their turn in one process.")
    api_origins: tuple[str, ...] = Field((), description="Origins whose web pages may ask the API, as https://host.")
    api_log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What the API logs.")
    api_log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Format of the API's log; auto: text on a terminal, else JSON."
    )
    api_drain_seconds: float = Field(
        0, ge=0, description="Seconds for which a process that must stop says so on /ready before it does."
    )
    api_stop_seconds: int = Field(30, ge=1, description="Seconds that requests in flight have to finish.")

    log_bytes: int = Field(20_000_000, ge=1, description="Size from which `up` rotates the log of a service.")
    log_files: int = Field(5, ge=1, description="Rotated logs of a service that are kept.")

    @property
    def landing_dir(self) -> Path:
        return self.data_dir / "landing"

    @property
    def lake_dir(self) -> Path:
        return self.data_dir / "lake"

    @property
    def keys_file(self) -> Path:
        return self.api_keys_file or self.data_dir / "api-keys.json"

    @property
    def monitoring_dir(self) -> Path:
        return self.data_dir / "monitoring"

    @property
    def dagster_home(self) -> Path:
        return self.data_dir / "dagster"

    @property
    def mlflow_dir(self) -> Path:
        return self.data_dir / "mlflow"

    @property
    def tracking_uri(self) -> str:
        return self.mlflow_tracking_uri or f"sqlite:///{self.mlflow_dir / 'mlflow.db'}"


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
