# Two images from one build: `server`, every process of the server, and `agent`, a device.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# The index that torch comes from, for one that offers the CPU build.
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN /opt/venv/bin/pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)" \
 && /opt/venv/bin/pip install -r requirements.txt
COPY . .
# Settings of a tool: they are read, and connect to nothing.
RUN . .ci/environment \
 && export MUSTER_DATA_DIR=/var/lib/muster \
 && mkdir -p static locale "$MUSTER_DATA_DIR/agent" \
 && /opt/venv/bin/python -m hatchling build --target wheel --directory "$MUSTER_DATA_DIR/agent" \
 && /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
 && /opt/venv/bin/python -c "from pathlib import Path; from fleet.pages.services.catalogues import compile_all; compile_all(Path('locale'))" \
 && /opt/venv/bin/python -m compileall -q agent aggregation config fleet inference muster

FROM ${PYTHON_IMAGE} AS agent
COPY --from=build /var/lib/muster/agent /wheels
RUN pip install --no-cache-dir /wheels/*.whl \
 && useradd --uid 10001 --create-home muster \
 && install -d -o muster -g muster -m 0700 /var/lib/muster-agent
USER muster
ENV MUSTER_AGENT_HOME=/var/lib/muster-agent PYTHONUNBUFFERED=1
VOLUME /var/lib/muster-agent
ENTRYPOINT ["muster-agent"]
CMD ["run"]

FROM ${PYTHON_IMAGE} AS server
RUN useradd --uid 10001 --no-create-home muster
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY --from=build --chown=muster:muster /var/lib/muster /var/lib/muster
WORKDIR /app
USER muster
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 \
    MUSTER_DATA_DIR=/var/lib/muster
VOLUME /var/lib/muster
CMD ["python", "manage.py", "help"]
