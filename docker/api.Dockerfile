# The API: the scorer and nothing that trains. CREDIT_API_KEY must be given, for it listens beyond localhost.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md ./
COPY credit_platform ./credit_platform
COPY serving ./serving
COPY ui ./ui
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint requirements.lock '.[serving]'

FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home credit
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH CREDIT_DATA_DIR=/data
USER credit
WORKDIR /home/credit
EXPOSE 8000
CMD ["python", "-m", "serving", "--host", "0.0.0.0", "--port", "8000"]
HEALTHCHECK --interval=20s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
