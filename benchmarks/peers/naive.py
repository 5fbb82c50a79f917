"""A first API around a registered model, as tutorials have it: a DataFrame for each request, MLflow's generic model."""

import os

import mlflow
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

model = mlflow.pyfunc.load_model(os.environ["MODEL"])
app = FastAPI()


class Client(BaseModel):
    features: dict[str, float | str | None]


@app.post("/predict")
def predict(client: Client) -> dict[str, float | str]:
    answer: dict[str, float | str] = model.predict(pd.DataFrame([client.features])).iloc[0].to_dict()
    return answer
