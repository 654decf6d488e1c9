from django.db import migrations

SAMPLES = """
CREATE TABLE telemetry_sample (
    node bigint NOT NULL,
    at bigint NOT NULL,
    received_at bigint NOT NULL,
    stream bigint NOT NULL,
    seq bigint NOT NULL,
    cpu double precision,
    memory_used_bytes bigint,
    load1 double precision,
    rtt_us integer,
    temperature_c double precision,
    battery double precision
) PARTITION BY RANGE (at);
CREATE INDEX telemetry_sample_node_at ON telemetry_sample (node, at);
"""

# Rows that change every second keep room on their page, so that each write is a heap-only update.
FILLFACTOR = """
ALTER TABLE telemetry_stream SET (fillfactor = 60);
ALTER TABLE registry_presence SET (fillfactor = 60);
"""
FILLFACTOR_BACK = """
ALTER TABLE telemetry_stream RESET (fillfactor);
ALTER TABLE registry_presence RESET (fillfactor);
"""


class Migration(migrations.Migration):
    """The table of raw samples, the counter of connections' epochs, and room for hot rows."""

    dependencies = [("telemetry", "0001_initial"), ("registry", "0001_initial")]

    operations = [
        migrations.RunSQL(SAMPLES, "DROP TABLE telemetry_sample"),
        migrations.RunSQL("CREATE SEQUENCE telemetry_epoch_seq", "DROP SEQUENCE telemetry_epoch_seq"),
        migrations.RunSQL(FILLFACTOR, FILLFACTOR_BACK),
    ]
