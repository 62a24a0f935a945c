-- Up to where rows are here: written in the transaction that writes the rows.
CREATE TABLE sink_offset (
    journal uuid NOT NULL,
    table_group text NOT NULL,
    seq bigint NOT NULL,
    outputs bigint NOT NULL,
    total_rows bigint NOT NULL,
    tables text[] NOT NULL,
    state bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (journal, table_group)
) WITH (fillfactor = 50);
COMMENT ON TABLE sink_offset IS 'Up to where the rows of a journal are in this database.';
COMMENT ON COLUMN sink_offset.journal IS 'The journal.';
COMMENT ON COLUMN sink_offset.table_group IS 'Name of the tables that are written together.';
COMMENT ON COLUMN sink_offset.seq IS 'The last input whose rows are here.';
COMMENT ON COLUMN sink_offset.outputs IS 'Outputs that are in the rows.';
COMMENT ON COLUMN sink_offset.total_rows IS 'Rows written.';
COMMENT ON COLUMN sink_offset.tables IS 'The tables of the group.';
COMMENT ON COLUMN sink_offset.state IS 'State of the projection at that input, to go on from.';

-- People ask by symbol and time. Where rows come in the order of time anyway, a block range index costs next to nothing.
CREATE INDEX ON ticks USING brin (ts);
CREATE INDEX ON depth USING brin (ts);
CREATE INDEX ON bars_1s USING brin (start_at);
CREATE INDEX ON bars_1m (symbol, start_at);
CREATE INDEX ON bars_3m (symbol, start_at);
CREATE INDEX ON bars_5m (symbol, start_at);
CREATE INDEX ON bars_15m (symbol, start_at);
CREATE INDEX ON bars_30m (symbol, start_at);
CREATE INDEX ON bars_60m (symbol, start_at);
CREATE INDEX ON bars_day (symbol, start_at);
CREATE INDEX ON orders (journal, order_id);
CREATE INDEX ON fills (journal, order_id);
CREATE INDEX ON order_events (journal, order_id);
