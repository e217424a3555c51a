# syntax=docker/dockerfile:1
# One image for every role: api (default), grpc, dispatcher, worker, migrate, or any command.
#   docker build -t kantor .                                       CPU
#   docker build -t kantor:gpu --build-arg TORCH_INDEX=URL .       a torch build with CUDA, from the package index that has it
#   docker build -t kantor:botorch --build-arg EXTRAS=s3,telemetry,botorch .       the engine `botorch` of studies too
ARG PYTHON=3.11-slim-bookworm

FROM node:22-bookworm-slim AS dashboard
WORKDIR /dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY dashboard/ ./
RUN npx vite build --outDir /built --emptyOutDir

FROM python:${PYTHON} AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/kantor
ENV PATH=/opt/kantor/bin:$PATH
WORKDIR /source
COPY constraints.txt ./
# The largest layer first: it changes least.
RUN pip install --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch==2.13.0
COPY pyproject.toml hatch_build.py README.md CHANGELOG.md ./
COPY client/ client/
COPY api_schemas/ api_schemas/
COPY service/ service/
COPY solvers/ solvers/
COPY workers/ workers/
COPY migrations/ migrations/
COPY --from=dashboard /built/ service/_dashboard/
ARG EXTRAS="s3,telemetry"
RUN KANTOR_DASHBOARD=skip pip install --constraint constraints.txt ./client ".[$EXTRAS]"

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="kantor" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 kantor && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp kantor
COPY --from=build /opt/kantor /opt/kantor
COPY docker/entrypoint.sh /usr/local/bin/kantor-role
# The root file system may be read-only: everything that is written goes to /tmp and /data.
ENV PATH=/opt/kantor/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    KANTOR_HOME=/data \
    OMP_NUM_THREADS=1
RUN mkdir /data && chown 10001:10001 /data
USER 10001:10001
WORKDIR /tmp
VOLUME ["/data"]
EXPOSE 8000 50051 9464
ENTRYPOINT ["/usr/local/bin/kantor-role"]
CMD ["api"]
