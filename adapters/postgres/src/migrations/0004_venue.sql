COMMENT ON COLUMN sessions."venue" IS 'Where orders went: `paper`, or to a broker: `zerodha`.';
