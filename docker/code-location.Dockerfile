# The graph: Dagster's code location, webserver and daemon, and everything that trains and monitors.
FROM python:3.12-slim AS build
# Ray and an object store for MLflow: --build-arg EXTRAS=pipeline,cluster,s3
ARG EXTRAS=pipeline
WORKDIR /src
COPY requirements.lock pyproject.toml README.md ./
COPY credit_platform ./credit_platform
COPY serving ./serving
COPY ui ./ui
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint requirements.lock ".[$EXTRAS]"

FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home credit \
    && mkdir /data && chown credit /data
COPY --from=build /venv /venv
COPY --chown=credit docker/dagster.yaml /data/dagster/dagster.yaml
ENV PATH=/venv/bin:$PATH CREDIT_DATA_DIR=/data DAGSTER_HOME=/data/dagster DO_NOT_TRACK=1
USER credit
WORKDIR /home/credit
COPY docker/workspace.yaml ./workspace.yaml
EXPOSE 4000
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "credit_platform.definitions"]
HEALTHCHECK --interval=20s --timeout=10s --start-period=60s \
    CMD ["dagster", "api", "grpc-health-check", "--port", "4000"]
