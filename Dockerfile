# The image of a metis-node: a wheel built with Debian's Rust, installed beside pinned Python packages.
#
#   docker build -t metis-node .
#
# Everything comes from Debian, PyPI and crates.io. Debian's security archive carries a current Rust
# under the names rustc-web and cargo-web (it builds Firefox); native/Cargo.toml says which is needed.

FROM docker.io/library/python:3.11-slim-bookworm AS builder
# python3-dev: the headers of 3.11, for base images whose Python is Debian's.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends build-essential libgmp-dev python3-dev rustc-web cargo-web \
 && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The packages first: they change less often than the code.
COPY constraints.txt pyproject.toml ./
COPY deploy/runtime-constraints deploy/
RUN python -m venv /opt/metis-node && python -m venv /opt/maturin \
 && /opt/metis-node/bin/python deploy/runtime-constraints constraints.txt pyproject.toml > runtime.txt \
 && /opt/metis-node/bin/python deploy/runtime-constraints constraints.txt pyproject.toml maturin > maturin.txt \
 && /opt/metis-node/bin/pip install --quiet --require-hashes --no-deps -r runtime.txt \
 && /opt/maturin/bin/pip install --quiet --require-hashes --no-deps -r maturin.txt
COPY README.md LICENSE ./
COPY native native
COPY metis_node metis_node
# The caches stay on the build machine, so that a change of Python code compiles no Rust again.
RUN --mount=type=cache,target=/root/.cargo/registry \
    --mount=type=cache,target=/build/target \
    CARGO_TARGET_DIR=/build/target PATH=/opt/maturin/bin:$PATH \
    maturin build --release --locked --interpreter python3.11 --out dist \
 && /opt/metis-node/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/metis-node/bin/python -m compileall -q /opt/metis-node/lib

FROM docker.io/library/python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="metis-node" \
      org.opencontainers.image.licenses="Apache-2.0"
# fastecdsa, which libp2p imports, is built above and needs GMP beside it.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends libgmp10 \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 metis && useradd --uid 10001 --gid metis --no-create-home --shell /usr/sbin/nologin metis \
 && install -d -o metis -g metis -m 0750 /var/lib/metis-node
COPY --from=builder /opt/metis-node /opt/metis-node
COPY config /etc/metis-node
ENV PATH=/opt/metis-node/bin:$PATH PYTHONUNBUFFERED=1 METIS_NODE_RPC__HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/metis-node
VOLUME /var/lib/metis-node
EXPOSE 8545
# The node handles SIGTERM itself, also as process 1, and waits for the children that it starts.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["metis-node", "status", "--health"]
ENTRYPOINT ["metis-node"]
CMD ["start"]
