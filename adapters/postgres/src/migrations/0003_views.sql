CREATE VIEW positions_now AS
SELECT *
FROM (
    SELECT DISTINCT ON (journal, instrument_id, strategy)
        journal, trading_date, ts, instrument_id, symbol, strategy, quantity, bought, sold, realised, charges, mark, gross, net
    FROM positions
    ORDER BY journal, instrument_id, strategy, seq DESC, idx DESC
) AS newest
WHERE quantity <> 0;
COMMENT ON VIEW positions_now IS
    'What each strategy holds, valued at the price of its last row: after its last fill, or at the session''s end.';

CREATE VIEW pnl_by_strategy AS
WITH newest AS (
    SELECT DISTINCT ON (journal, trading_date, instrument_id, strategy)
        journal, trading_date, instrument_id, strategy, quantity, bought, sold, gross, charges, net
    FROM positions
    ORDER BY journal, trading_date, instrument_id, strategy, seq DESC, idx DESC
),
days AS (
    -- The columns count from the journal's start: a day is what they have more than the day before.
    SELECT
        journal, trading_date, strategy, quantity,
        bought - lag(bought, 1, 0.0000) OVER w AS bought,
        sold - lag(sold, 1, 0.0000) OVER w AS sold,
        gross - lag(gross, 1, 0.0000) OVER w AS gross,
        charges - lag(charges, 1, 0.0000) OVER w AS charges,
        net - lag(net, 1, 0.0000) OVER w AS net
    FROM newest
    WINDOW w AS (PARTITION BY journal, instrument_id, strategy ORDER BY trading_date)
)
SELECT
    journal, trading_date, strategy,
    count(*) AS instruments,
    count(*) FILTER (WHERE quantity <> 0) AS open_positions,
    sum(bought) + sum(sold) AS turnover,
    sum(gross) AS gross,
    sum(charges) AS charges,
    sum(net) AS net
FROM days
GROUP BY journal, trading_date, strategy;
COMMENT ON VIEW pnl_by_strategy IS
    'Profit of each trading date by strategy, open positions at their marks, before and after charges.';

CREATE VIEW trades AS
SELECT
    f.journal, f.trading_date, f.ts, f.ts AT TIME ZONE 'Asia/Kolkata' AS time_ist, f.symbol, f.strategy, f.side, f.quantity,
    f.price, f.value, f.charges, f.order_id, f.number, o.order_type, o.intent, s.action, s.reason, f.seq, f.idx
FROM fills AS f
LEFT JOIN orders AS o ON o.journal = f.journal AND o.trading_date = f.trading_date AND o.order_id = f.order_id
LEFT JOIN signals AS s ON s.journal = o.journal AND s.trading_date = o.trading_date AND s.signal_id = o.signal_id;
COMMENT ON VIEW trades IS 'Fills with the order they are of and the signal that led to it.';

CREATE VIEW trades_of_the_day AS
SELECT * FROM trades WHERE trading_date = (SELECT max(trading_date) FROM sessions);
COMMENT ON VIEW trades_of_the_day IS 'The trades of the newest trading date.';
