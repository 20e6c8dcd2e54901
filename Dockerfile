# One image; the command picks the process:
#   docker run ... tagihan migrate | api | worker | scheduler | doctor
# It brings no database: set DATABASE_URL, TAGIHAN_MASTER_KEY and TAGIHAN_OPERATOR_KEY, and for the
# api TAGIHAN_BIND=0.0.0.0 (already set here). docs/reference/settings.md lists every setting.
FROM python:3.11-slim AS build

WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements.txt ./
RUN /app/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --no-deps -r requirements.txt
COPY pyproject.toml requirements.in README.md scheduler.py ./
COPY core core
COPY plans plans
COPY invoices invoices
COPY payments payments
COPY dunning dunning
COPY usage usage
COPY billing billing
COPY api api
COPY ops ops
COPY simulator simulator
COPY migrations migrations
COPY examples examples
RUN /app/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation -e . \
 && /app/.venv/bin/python -m compileall -q /app --invalidation-mode unchecked-hash \
 && chmod -R a+rX /app

FROM python:3.11-slim

# A user of its own, who owns nothing but the home for generated files; it begins empty.
RUN useradd --system --uid 10001 --home-dir /var/lib/tagihan --create-home --skel /dev/null tagihan
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TAGIHAN_HOME=/var/lib/tagihan \
    TAGIHAN_BIND=0.0.0.0
USER tagihan
WORKDIR /var/lib/tagihan
VOLUME /var/lib/tagihan
EXPOSE 8400
STOPSIGNAL SIGTERM
ENTRYPOINT ["tagihan"]
CMD ["api"]
