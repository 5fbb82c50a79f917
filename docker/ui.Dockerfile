# The analyst's UI: talks to the API only.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md ./
COPY credit_platform ./credit_platform
COPY serving ./serving
COPY ui ./ui
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint requirements.lock '.[ui]'

FROM python:3.12-slim
RUN useradd --uid 1000 --create-home credit
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH
USER credit
WORKDIR /home/credit
COPY ui/app.py ./app.py
EXPOSE 8501
CMD ["streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501", \
     "--server.headless", "true", "--browser.gatherUsageStats", "false"]
HEALTHCHECK --interval=20s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
