"""What a process of the API imports before it decides: nothing that trains, tracks or draws."""

import subprocess
import sys
from pathlib import Path

from credit_platform.settings import Settings
from credit_platform_tests.worlds import register

HEAVY = ("catboost", "dagster", "evidently", "matplotlib", "mlflow", "pandas", "plotly", "ray", "scipy", "shap")
"""Each takes a second or tens of megabytes; scikit-learn, too."""

PROGRAM = f"""
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from credit_platform.settings import Settings
from serving import applications
from serving.app import create_app

app = create_app(Settings(_env_file=None, data_dir=Path(sys.argv[1]), api_key=None))
with TestClient(app, base_url="http://127.0.0.1:8000") as api:
    applications.online_mart()
    answer = api.post("/v1/predict", json={{"features": {{"EXT_SOURCE_2": 0.1}}}}).json()
    assert answer["decision_id"] and answer["reasons"], answer
    assert api.post("/v1/explain", json={{"features": {{}}}}).status_code == 200
    assert api.post(f"/v1/decisions/{{answer['decision_id']}}/replay").json()["identical"]
    assert api.get("/v1/ready").status_code == 200
print(sorted({{*{(*HEAVY, "sklearn")!r}}} & set(sys.modules)))
"""


def test_the_champion_is_found_and_decides_without_mlflow_catboost_or_pandas(
    settings: Settings, version_folder: Path
) -> None:
    register(settings, version_folder, settings.model_alias)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(settings.data_dir)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
