CREATE TABLE sessions (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "pre_open" timestamptz NOT NULL,
    "open_at" timestamptz NOT NULL,
    "close_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "config_hash" text NOT NULL,
    "instruments_hash" text NOT NULL,
    "calendar_hash" text NOT NULL,
    "config" text NOT NULL,
    "venue" text NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE sessions IS 'A trading session that was begun.';
COMMENT ON COLUMN sessions."journal" IS 'The journal.';
COMMENT ON COLUMN sessions."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN sessions."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN sessions."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN sessions."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN sessions."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN sessions."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN sessions."pre_open" IS 'First timer; ticks before the open are not in bars.';
COMMENT ON COLUMN sessions."open_at" IS 'Start of continuous trading.';
COMMENT ON COLUMN sessions."close_at" IS 'End of continuous trading.';
COMMENT ON COLUMN sessions."end_at" IS 'Last timer: the close and the grace.';
COMMENT ON COLUMN sessions."config_hash" IS 'Hash of the configuration text, 16 hexadecimal digits.';
COMMENT ON COLUMN sessions."instruments_hash" IS 'Hash of the instrument table.';
COMMENT ON COLUMN sessions."calendar_hash" IS 'Hash of the hours.';
COMMENT ON COLUMN sessions."config" IS 'The configuration text the journal was made with.';
COMMENT ON COLUMN sessions."venue" IS 'Where orders went: `paper`.';

CREATE TABLE session_totals (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "inputs" bigint NOT NULL,
    "outputs" bigint NOT NULL,
    "ticks" bigint NOT NULL,
    "bars" bigint NOT NULL,
    "signals" bigint NOT NULL,
    "orders" bigint NOT NULL,
    "fills" bigint NOT NULL,
    "rejected" bigint NOT NULL,
    "dead_letters" bigint NOT NULL,
    "alarms" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "gross" numeric(20,4) NOT NULL,
    "charges" numeric(20,4) NOT NULL,
    "net" numeric(20,4) NOT NULL,
    "open_positions" integer NOT NULL,
    "state" text NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE session_totals IS 'What a session had come to when it ended.';
COMMENT ON COLUMN session_totals."journal" IS 'The journal.';
COMMENT ON COLUMN session_totals."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN session_totals."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN session_totals."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN session_totals."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN session_totals."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN session_totals."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN session_totals."inputs" IS 'Inputs of the session.';
COMMENT ON COLUMN session_totals."outputs" IS 'Outputs of the session.';
COMMENT ON COLUMN session_totals."ticks" IS 'Market data among the inputs.';
COMMENT ON COLUMN session_totals."bars" IS 'Bars closed.';
COMMENT ON COLUMN session_totals."signals" IS 'Signals, holds included.';
COMMENT ON COLUMN session_totals."orders" IS 'Orders sent.';
COMMENT ON COLUMN session_totals."fills" IS 'Fills.';
COMMENT ON COLUMN session_totals."rejected" IS 'Orders the venue refused.';
COMMENT ON COLUMN session_totals."dead_letters" IS 'Dead letters.';
COMMENT ON COLUMN session_totals."alarms" IS 'Alarms.';
COMMENT ON COLUMN session_totals."turnover" IS 'Value of all fills.';
COMMENT ON COLUMN session_totals."gross" IS 'Profit since the start of the journal, realised and unrealised, before charges.';
COMMENT ON COLUMN session_totals."charges" IS 'What was charged since the start of the journal.';
COMMENT ON COLUMN session_totals."net" IS 'Gross less charges.';
COMMENT ON COLUMN session_totals."open_positions" IS 'Instruments still held.';
COMMENT ON COLUMN session_totals."state" IS '`ended`: a session that never ended has no row.';

CREATE TABLE instruments (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "token" bigint NOT NULL,
    "class" text NOT NULL,
    "tradable" boolean NOT NULL,
    "lot" bigint NOT NULL,
    "tick_size" numeric(18,4) NOT NULL,
    "multiplier" bigint NOT NULL,
    "freeze_qty" bigint,
    "derivatives" boolean NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE instruments IS 'An instrument of a session''s table.';
COMMENT ON COLUMN instruments."journal" IS 'The journal.';
COMMENT ON COLUMN instruments."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN instruments."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN instruments."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN instruments."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN instruments."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN instruments."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN instruments."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN instruments."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN instruments."token" IS 'The broker''s token.';
COMMENT ON COLUMN instruments."class" IS '`equity`, `index`, `future`, `option`.';
COMMENT ON COLUMN instruments."tradable" IS 'Whether orders may be sent.';
COMMENT ON COLUMN instruments."lot" IS 'Units in a lot.';
COMMENT ON COLUMN instruments."tick_size" IS 'Smallest price step.';
COMMENT ON COLUMN instruments."multiplier" IS 'Value of one point of one unit.';
COMMENT ON COLUMN instruments."freeze_qty" IS 'Largest quantity the exchange takes in one order, if known.';
COMMENT ON COLUMN instruments."derivatives" IS 'Whether futures or options on it trade.';

CREATE TABLE hours (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "open_at" timestamptz NOT NULL,
    "close_at" timestamptz NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE hours IS 'Hours of an instrument that are not its session''s.';
COMMENT ON COLUMN hours."journal" IS 'The journal.';
COMMENT ON COLUMN hours."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN hours."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN hours."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN hours."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN hours."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN hours."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN hours."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN hours."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN hours."open_at" IS 'Start of continuous trading.';
COMMENT ON COLUMN hours."close_at" IS 'End of continuous trading.';

CREATE TABLE trading_states (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "phase" text NOT NULL,
    "low" numeric(18,4),
    "high" numeric(18,4),
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE trading_states IS 'A change of whether, and within which prices, an instrument trades.';
COMMENT ON COLUMN trading_states."journal" IS 'The journal.';
COMMENT ON COLUMN trading_states."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN trading_states."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN trading_states."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN trading_states."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN trading_states."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN trading_states."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN trading_states."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN trading_states."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN trading_states."phase" IS '`closed`, `call`, `continuous`, `halted`.';
COMMENT ON COLUMN trading_states."low" IS 'Lowest price an order may have; nothing for any.';
COMMENT ON COLUMN trading_states."high" IS 'Highest price an order may have; nothing for any.';

CREATE TABLE commands (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "command" text NOT NULL,
    "reason" text NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE commands IS 'A command of an operator, or of a run''s own end.';
COMMENT ON COLUMN commands."journal" IS 'The journal.';
COMMENT ON COLUMN commands."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN commands."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN commands."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN commands."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN commands."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN commands."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN commands."command" IS '`kill`, `stop`, `flatten`, `resume`, `reduce_only`.';
COMMENT ON COLUMN commands."reason" IS 'What the operator typed as reason.';

CREATE TABLE alarms (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer,
    "symbol" text,
    "alarm" text NOT NULL,
    "value" bigint NOT NULL,
    "order_id" bigint,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE alarms IS 'Something a person had to know at once.';
COMMENT ON COLUMN alarms."journal" IS 'The journal.';
COMMENT ON COLUMN alarms."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN alarms."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN alarms."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN alarms."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN alarms."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN alarms."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN alarms."instrument_id" IS 'The place in the session''s instrument table of the one concerned, if one is.';
COMMENT ON COLUMN alarms."symbol" IS 'Its symbol.';
COMMENT ON COLUMN alarms."alarm" IS 'What about.';
COMMENT ON COLUMN alarms."value" IS 'In the unit the alarm implies: a position in units, a loss in 1/10,000 rupee.';
COMMENT ON COLUMN alarms."order_id" IS 'The order, if one is meant.';

CREATE TABLE checkpoints (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "stage" text NOT NULL,
    "state_hash" text NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE checkpoints IS 'A stage''s state hash at the end of a step.';
COMMENT ON COLUMN checkpoints."journal" IS 'The journal.';
COMMENT ON COLUMN checkpoints."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN checkpoints."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN checkpoints."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN checkpoints."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN checkpoints."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN checkpoints."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN checkpoints."stage" IS 'The stage.';
COMMENT ON COLUMN checkpoints."state_hash" IS 'Its state hash, 32 hexadecimal digits.';

CREATE TABLE dead_letters (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer,
    "symbol" text,
    "reason" text NOT NULL,
    "stage" text NOT NULL,
    "received_ns" bigint NOT NULL,
    "source_seq" bigint NOT NULL,
    "token" bigint,
    "original_bytes" bigint NOT NULL,
    "line" bigint,
    "data" text NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE dead_letters IS 'Something that could not be used, and why.';
COMMENT ON COLUMN dead_letters."journal" IS 'The journal.';
COMMENT ON COLUMN dead_letters."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN dead_letters."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN dead_letters."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN dead_letters."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN dead_letters."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN dead_letters."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN dead_letters."instrument_id" IS 'The place in the session''s instrument table of the one concerned, if one is.';
COMMENT ON COLUMN dead_letters."symbol" IS 'Its symbol.';
COMMENT ON COLUMN dead_letters."reason" IS 'Why it could not be used.';
COMMENT ON COLUMN dead_letters."stage" IS '`input` if it came so, else the stage that refused it.';
COMMENT ON COLUMN dead_letters."received_ns" IS 'When it was received, in nanoseconds since the Unix epoch.';
COMMENT ON COLUMN dead_letters."source_seq" IS 'Number within its source.';
COMMENT ON COLUMN dead_letters."token" IS 'The token it names, if one could be read.';
COMMENT ON COLUMN dead_letters."original_bytes" IS 'Bytes of the original.';
COMMENT ON COLUMN dead_letters."line" IS 'The line of the file it came from; nothing for packets.';
COMMENT ON COLUMN dead_letters."data" IS 'The first bytes of the original, in hexadecimal digits.';

CREATE TABLE ticks (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "mode" text NOT NULL,
    "last" numeric(18,4) NOT NULL,
    "received_ns" bigint NOT NULL,
    "source_seq" bigint NOT NULL,
    "flags" integer NOT NULL,
    "exchange_at" timestamptz,
    "last_trade_at" timestamptz,
    "last_qty" bigint,
    "volume" bigint,
    "average" numeric(18,4),
    "day_open" numeric(18,4),
    "day_high" numeric(18,4),
    "day_low" numeric(18,4),
    "previous_close" numeric(18,4),
    "buy_qty" bigint,
    "sell_qty" bigint,
    "open_interest" bigint,
    "open_interest_high" bigint,
    "open_interest_low" bigint,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE ticks IS 'A packet of market data.';
COMMENT ON COLUMN ticks."journal" IS 'The journal.';
COMMENT ON COLUMN ticks."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN ticks."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN ticks."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN ticks."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN ticks."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN ticks."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN ticks."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN ticks."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN ticks."mode" IS 'Mode of the packet: `ltp`, `quote`, `full`.';
COMMENT ON COLUMN ticks."last" IS 'Last traded price or index value.';
COMMENT ON COLUMN ticks."received_ns" IS 'When it was received, in nanoseconds since the Unix epoch.';
COMMENT ON COLUMN ticks."source_seq" IS 'Number within its source.';
COMMENT ON COLUMN ticks."flags" IS '`MARKET_*` flags: 1 index, 2 has a volume, 4 has a last trade time, 8 unknown segment.';
COMMENT ON COLUMN ticks."exchange_at" IS 'The exchange''s time, in whole seconds.';
COMMENT ON COLUMN ticks."last_trade_at" IS 'Time of the last trade, in whole seconds.';
COMMENT ON COLUMN ticks."last_qty" IS 'Last traded quantity.';
COMMENT ON COLUMN ticks."volume" IS 'Volume traded today.';
COMMENT ON COLUMN ticks."average" IS 'The day''s volume-weighted average price.';
COMMENT ON COLUMN ticks."day_open" IS 'The day''s open.';
COMMENT ON COLUMN ticks."day_high" IS 'The day''s high.';
COMMENT ON COLUMN ticks."day_low" IS 'The day''s low.';
COMMENT ON COLUMN ticks."previous_close" IS 'The previous close.';
COMMENT ON COLUMN ticks."buy_qty" IS 'Total quantity of pending buy orders.';
COMMENT ON COLUMN ticks."sell_qty" IS 'Total quantity of pending sell orders.';
COMMENT ON COLUMN ticks."open_interest" IS 'Open interest.';
COMMENT ON COLUMN ticks."open_interest_high" IS 'The day''s highest open interest.';
COMMENT ON COLUMN ticks."open_interest_low" IS 'The day''s lowest open interest.';

CREATE TABLE depth (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "bid1_price" numeric(18,4),
    "bid1_qty" bigint NOT NULL,
    "bid1_orders" integer NOT NULL,
    "bid2_price" numeric(18,4),
    "bid2_qty" bigint NOT NULL,
    "bid2_orders" integer NOT NULL,
    "bid3_price" numeric(18,4),
    "bid3_qty" bigint NOT NULL,
    "bid3_orders" integer NOT NULL,
    "bid4_price" numeric(18,4),
    "bid4_qty" bigint NOT NULL,
    "bid4_orders" integer NOT NULL,
    "bid5_price" numeric(18,4),
    "bid5_qty" bigint NOT NULL,
    "bid5_orders" integer NOT NULL,
    "ask1_price" numeric(18,4),
    "ask1_qty" bigint NOT NULL,
    "ask1_orders" integer NOT NULL,
    "ask2_price" numeric(18,4),
    "ask2_qty" bigint NOT NULL,
    "ask2_orders" integer NOT NULL,
    "ask3_price" numeric(18,4),
    "ask3_qty" bigint NOT NULL,
    "ask3_orders" integer NOT NULL,
    "ask4_price" numeric(18,4),
    "ask4_qty" bigint NOT NULL,
    "ask4_orders" integer NOT NULL,
    "ask5_price" numeric(18,4),
    "ask5_qty" bigint NOT NULL,
    "ask5_orders" integer NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE depth IS 'The five levels a side of a full packet, under the key of its tick.';
COMMENT ON COLUMN depth."journal" IS 'The journal.';
COMMENT ON COLUMN depth."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN depth."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN depth."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN depth."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN depth."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN depth."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN depth."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN depth."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN depth."bid1_price" IS 'Price of the best bid; nothing if the level is empty.';
COMMENT ON COLUMN depth."bid1_qty" IS 'Quantity of the best bid.';
COMMENT ON COLUMN depth."bid1_orders" IS 'Orders of the best bid.';
COMMENT ON COLUMN depth."bid2_price" IS 'Price of the second bid; nothing if the level is empty.';
COMMENT ON COLUMN depth."bid2_qty" IS 'Quantity of the second bid.';
COMMENT ON COLUMN depth."bid2_orders" IS 'Orders of the second bid.';
COMMENT ON COLUMN depth."bid3_price" IS 'Price of the third bid; nothing if the level is empty.';
COMMENT ON COLUMN depth."bid3_qty" IS 'Quantity of the third bid.';
COMMENT ON COLUMN depth."bid3_orders" IS 'Orders of the third bid.';
COMMENT ON COLUMN depth."bid4_price" IS 'Price of the fourth bid; nothing if the level is empty.';
COMMENT ON COLUMN depth."bid4_qty" IS 'Quantity of the fourth bid.';
COMMENT ON COLUMN depth."bid4_orders" IS 'Orders of the fourth bid.';
COMMENT ON COLUMN depth."bid5_price" IS 'Price of the fifth bid; nothing if the level is empty.';
COMMENT ON COLUMN depth."bid5_qty" IS 'Quantity of the fifth bid.';
COMMENT ON COLUMN depth."bid5_orders" IS 'Orders of the fifth bid.';
COMMENT ON COLUMN depth."ask1_price" IS 'Price of the best offer; nothing if the level is empty.';
COMMENT ON COLUMN depth."ask1_qty" IS 'Quantity of the best offer.';
COMMENT ON COLUMN depth."ask1_orders" IS 'Orders of the best offer.';
COMMENT ON COLUMN depth."ask2_price" IS 'Price of the second offer; nothing if the level is empty.';
COMMENT ON COLUMN depth."ask2_qty" IS 'Quantity of the second offer.';
COMMENT ON COLUMN depth."ask2_orders" IS 'Orders of the second offer.';
COMMENT ON COLUMN depth."ask3_price" IS 'Price of the third offer; nothing if the level is empty.';
COMMENT ON COLUMN depth."ask3_qty" IS 'Quantity of the third offer.';
COMMENT ON COLUMN depth."ask3_orders" IS 'Orders of the third offer.';
COMMENT ON COLUMN depth."ask4_price" IS 'Price of the fourth offer; nothing if the level is empty.';
COMMENT ON COLUMN depth."ask4_qty" IS 'Quantity of the fourth offer.';
COMMENT ON COLUMN depth."ask4_orders" IS 'Orders of the fourth offer.';
COMMENT ON COLUMN depth."ask5_price" IS 'Price of the fifth offer; nothing if the level is empty.';
COMMENT ON COLUMN depth."ask5_qty" IS 'Quantity of the fifth offer.';
COMMENT ON COLUMN depth."ask5_orders" IS 'Orders of the fifth offer.';

CREATE TABLE bars_1s (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE bars_1s IS 'A closed bar of one second.';
COMMENT ON COLUMN bars_1s."journal" IS 'The journal.';
COMMENT ON COLUMN bars_1s."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_1s."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_1s."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_1s."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_1s."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_1s."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_1s."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_1s."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_1s."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_1s."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_1s."open" IS 'First price.';
COMMENT ON COLUMN bars_1s."high" IS 'Highest price.';
COMMENT ON COLUMN bars_1s."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_1s."close" IS 'Last price.';
COMMENT ON COLUMN bars_1s."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_1s."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_1s."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_1s."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_1s."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_1s."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_1m (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE bars_1m IS 'A closed bar of one minute.';
COMMENT ON COLUMN bars_1m."journal" IS 'The journal.';
COMMENT ON COLUMN bars_1m."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_1m."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_1m."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_1m."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_1m."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_1m."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_1m."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_1m."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_1m."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_1m."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_1m."open" IS 'First price.';
COMMENT ON COLUMN bars_1m."high" IS 'Highest price.';
COMMENT ON COLUMN bars_1m."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_1m."close" IS 'Last price.';
COMMENT ON COLUMN bars_1m."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_1m."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_1m."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_1m."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_1m."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_1m."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_3m (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE bars_3m IS 'A closed bar of three minutes.';
COMMENT ON COLUMN bars_3m."journal" IS 'The journal.';
COMMENT ON COLUMN bars_3m."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_3m."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_3m."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_3m."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_3m."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_3m."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_3m."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_3m."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_3m."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_3m."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_3m."open" IS 'First price.';
COMMENT ON COLUMN bars_3m."high" IS 'Highest price.';
COMMENT ON COLUMN bars_3m."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_3m."close" IS 'Last price.';
COMMENT ON COLUMN bars_3m."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_3m."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_3m."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_3m."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_3m."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_3m."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_5m (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE bars_5m IS 'A closed bar of five minutes.';
COMMENT ON COLUMN bars_5m."journal" IS 'The journal.';
COMMENT ON COLUMN bars_5m."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_5m."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_5m."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_5m."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_5m."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_5m."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_5m."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_5m."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_5m."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_5m."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_5m."open" IS 'First price.';
COMMENT ON COLUMN bars_5m."high" IS 'Highest price.';
COMMENT ON COLUMN bars_5m."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_5m."close" IS 'Last price.';
COMMENT ON COLUMN bars_5m."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_5m."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_5m."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_5m."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_5m."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_5m."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_15m (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE bars_15m IS 'A closed bar of fifteen minutes.';
COMMENT ON COLUMN bars_15m."journal" IS 'The journal.';
COMMENT ON COLUMN bars_15m."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_15m."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_15m."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_15m."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_15m."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_15m."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_15m."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_15m."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_15m."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_15m."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_15m."open" IS 'First price.';
COMMENT ON COLUMN bars_15m."high" IS 'Highest price.';
COMMENT ON COLUMN bars_15m."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_15m."close" IS 'Last price.';
COMMENT ON COLUMN bars_15m."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_15m."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_15m."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_15m."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_15m."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_15m."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_30m (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE bars_30m IS 'A closed bar of thirty minutes.';
COMMENT ON COLUMN bars_30m."journal" IS 'The journal.';
COMMENT ON COLUMN bars_30m."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_30m."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_30m."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_30m."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_30m."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_30m."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_30m."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_30m."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_30m."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_30m."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_30m."open" IS 'First price.';
COMMENT ON COLUMN bars_30m."high" IS 'Highest price.';
COMMENT ON COLUMN bars_30m."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_30m."close" IS 'Last price.';
COMMENT ON COLUMN bars_30m."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_30m."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_30m."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_30m."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_30m."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_30m."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_60m (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE bars_60m IS 'A closed bar of sixty minutes.';
COMMENT ON COLUMN bars_60m."journal" IS 'The journal.';
COMMENT ON COLUMN bars_60m."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_60m."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_60m."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_60m."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_60m."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_60m."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_60m."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_60m."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_60m."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_60m."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_60m."open" IS 'First price.';
COMMENT ON COLUMN bars_60m."high" IS 'Highest price.';
COMMENT ON COLUMN bars_60m."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_60m."close" IS 'Last price.';
COMMENT ON COLUMN bars_60m."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_60m."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_60m."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_60m."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_60m."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_60m."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE bars_day (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "start_at" timestamptz NOT NULL,
    "end_at" timestamptz NOT NULL,
    "open" numeric(18,4) NOT NULL,
    "high" numeric(18,4) NOT NULL,
    "low" numeric(18,4) NOT NULL,
    "close" numeric(18,4) NOT NULL,
    "volume" bigint NOT NULL,
    "turnover" numeric(20,4) NOT NULL,
    "open_interest" bigint NOT NULL,
    "trades" bigint NOT NULL,
    "gap" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx)
);
COMMENT ON TABLE bars_day IS 'A closed bar of a session.';
COMMENT ON COLUMN bars_day."journal" IS 'The journal.';
COMMENT ON COLUMN bars_day."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN bars_day."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN bars_day."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN bars_day."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN bars_day."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN bars_day."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN bars_day."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN bars_day."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN bars_day."start_at" IS 'Start of the period.';
COMMENT ON COLUMN bars_day."end_at" IS 'End of the period: the start of the next one, or the session''s close.';
COMMENT ON COLUMN bars_day."open" IS 'First price.';
COMMENT ON COLUMN bars_day."high" IS 'Highest price.';
COMMENT ON COLUMN bars_day."low" IS 'Lowest price.';
COMMENT ON COLUMN bars_day."close" IS 'Last price.';
COMMENT ON COLUMN bars_day."volume" IS 'Volume: the increase of the running maximum of the day''s volume.';
COMMENT ON COLUMN bars_day."turnover" IS 'Sum of price times volume of the observed changes; the bar''s VWAP is turnover / volume.';
COMMENT ON COLUMN bars_day."open_interest" IS 'Open interest at the last tick.';
COMMENT ON COLUMN bars_day."trades" IS 'Observed changes; the feed is conflated, so these are not all trades.';
COMMENT ON COLUMN bars_day."gap" IS 'Whole periods without a bar between the previous bar of the session and this one.';
COMMENT ON COLUMN bars_day."flags" IS '`BAR_*` flags: 1 receive time, 2 closed by the timer, 4 after a gap.';

CREATE TABLE signals (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "signal_id" bigint NOT NULL,
    "action" text NOT NULL,
    "reason" text NOT NULL,
    "price" numeric(18,4) NOT NULL,
    "bar_start" timestamptz,
    "confidence_bps" integer NOT NULL,
    "fact_1" double precision NOT NULL,
    "fact_2" double precision NOT NULL,
    "fact_3" double precision NOT NULL,
    "fact_4" double precision NOT NULL,
    "fact_5" double precision NOT NULL,
    "fact_6" double precision NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE signals IS 'What a strategy wanted, and why.';
COMMENT ON COLUMN signals."journal" IS 'The journal.';
COMMENT ON COLUMN signals."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN signals."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN signals."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN signals."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN signals."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN signals."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN signals."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN signals."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN signals."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN signals."signal_id" IS 'Number of the signal in the run, from 1.';
COMMENT ON COLUMN signals."action" IS 'What it wants: `LONG`, `SHORT`, `EXIT`, `HOLD`.';
COMMENT ON COLUMN signals."reason" IS 'Why.';
COMMENT ON COLUMN signals."price" IS 'The price at the decision.';
COMMENT ON COLUMN signals."bar_start" IS 'Start of the bar decided on.';
COMMENT ON COLUMN signals."confidence_bps" IS 'Confidence in 1/10,000.';
COMMENT ON COLUMN signals."fact_1" IS 'Fact 1 that was used; the kind of strategy says what it is.';
COMMENT ON COLUMN signals."fact_2" IS 'Fact 2 that was used; the kind of strategy says what it is.';
COMMENT ON COLUMN signals."fact_3" IS 'Fact 3 that was used; the kind of strategy says what it is.';
COMMENT ON COLUMN signals."fact_4" IS 'Fact 4 that was used; the kind of strategy says what it is.';
COMMENT ON COLUMN signals."fact_5" IS 'Fact 5 that was used; the kind of strategy says what it is.';
COMMENT ON COLUMN signals."fact_6" IS 'Fact 6 that was used; the kind of strategy says what it is.';

CREATE TABLE verdicts (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "signal_id" bigint,
    "order_id" bigint,
    "decision" text NOT NULL,
    "rule" text NOT NULL,
    "side" text NOT NULL,
    "intent" text NOT NULL,
    "wanted" bigint NOT NULL,
    "allowed" bigint NOT NULL,
    "unit" text NOT NULL,
    "observed" bigint NOT NULL,
    "rule_limit" bigint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE verdicts IS 'What risk decided about a proposed order, and by which rule.';
COMMENT ON COLUMN verdicts."journal" IS 'The journal.';
COMMENT ON COLUMN verdicts."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN verdicts."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN verdicts."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN verdicts."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN verdicts."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN verdicts."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN verdicts."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN verdicts."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN verdicts."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN verdicts."signal_id" IS 'The signal; nothing for orders of the risk stage itself.';
COMMENT ON COLUMN verdicts."order_id" IS 'The order that follows, if one does.';
COMMENT ON COLUMN verdicts."decision" IS '`ALLOW`, `REDUCE`, `BLOCK`, `HALT_SESSION`.';
COMMENT ON COLUMN verdicts."rule" IS 'The rule that decided; `none` if no rule objected.';
COMMENT ON COLUMN verdicts."side" IS '`buy` or `sell`.';
COMMENT ON COLUMN verdicts."intent" IS 'Why the order was proposed.';
COMMENT ON COLUMN verdicts."wanted" IS 'Quantity proposed.';
COMMENT ON COLUMN verdicts."allowed" IS 'Quantity allowed.';
COMMENT ON COLUMN verdicts."unit" IS 'In what the next two are counted: `money` (1/10,000 rupee), `time` (ns since the epoch), `count`.';
COMMENT ON COLUMN verdicts."observed" IS 'What the rule looked at.';
COMMENT ON COLUMN verdicts."rule_limit" IS 'The rule''s limit.';

CREATE TABLE orders (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "order_id" bigint NOT NULL,
    "signal_id" bigint,
    "side" text NOT NULL,
    "order_type" text NOT NULL,
    "validity" text NOT NULL,
    "intent" text NOT NULL,
    "quantity" bigint NOT NULL,
    "price" numeric(18,4),
    "trigger" numeric(18,4),
    "disclosed" bigint NOT NULL,
    "flags" smallint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE orders IS 'An order on its way to the venue.';
COMMENT ON COLUMN orders."journal" IS 'The journal.';
COMMENT ON COLUMN orders."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN orders."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN orders."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN orders."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN orders."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN orders."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN orders."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN orders."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN orders."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN orders."order_id" IS 'Client order id.';
COMMENT ON COLUMN orders."signal_id" IS 'The signal it follows from; nothing for orders of the risk stage itself.';
COMMENT ON COLUMN orders."side" IS '`buy` or `sell`.';
COMMENT ON COLUMN orders."order_type" IS '`limit`, `market`, `sl`, `sl_m`.';
COMMENT ON COLUMN orders."validity" IS '`day`, `ioc`, `fok`.';
COMMENT ON COLUMN orders."intent" IS 'Why it was sent.';
COMMENT ON COLUMN orders."quantity" IS 'Quantity in exchange units.';
COMMENT ON COLUMN orders."price" IS 'Limit; for a market order the worst price allowed, if it has one.';
COMMENT ON COLUMN orders."trigger" IS 'The last price at which a stop order wakes.';
COMMENT ON COLUMN orders."disclosed" IS 'Quantity displayed at a time; 0 for all.';
COMMENT ON COLUMN orders."flags" IS '`ORDER_*` flags: 1 post-only.';

CREATE TABLE order_requests (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "request" text NOT NULL,
    "order_id" bigint NOT NULL,
    "intent" text NOT NULL,
    "quantity" bigint,
    "price" numeric(18,4),
    "trigger" numeric(18,4),
    "disclosed" bigint,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE order_requests IS 'A request to cancel or to change an order.';
COMMENT ON COLUMN order_requests."journal" IS 'The journal.';
COMMENT ON COLUMN order_requests."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN order_requests."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN order_requests."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN order_requests."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN order_requests."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN order_requests."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN order_requests."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN order_requests."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN order_requests."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN order_requests."request" IS '`cancel` or `modify`.';
COMMENT ON COLUMN order_requests."order_id" IS 'The order.';
COMMENT ON COLUMN order_requests."intent" IS 'Why.';
COMMENT ON COLUMN order_requests."quantity" IS 'Its new quantity, what is filled already included.';
COMMENT ON COLUMN order_requests."price" IS 'Its new limit.';
COMMENT ON COLUMN order_requests."trigger" IS 'Its new trigger.';
COMMENT ON COLUMN order_requests."disclosed" IS 'Its new disclosed quantity; 0 for all.';

CREATE TABLE order_events (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "order_id" bigint NOT NULL,
    "number" bigint NOT NULL,
    "state" text NOT NULL,
    "reason" text NOT NULL,
    "side" text NOT NULL,
    "quantity" bigint NOT NULL,
    "filled" bigint NOT NULL,
    "filled_value" numeric(20,4) NOT NULL,
    "cause_seq" bigint NOT NULL,
    "venue_ns" bigint NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE order_events IS 'An execution report, when it reached the sequencer.';
COMMENT ON COLUMN order_events."journal" IS 'The journal.';
COMMENT ON COLUMN order_events."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN order_events."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN order_events."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN order_events."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN order_events."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN order_events."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN order_events."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN order_events."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN order_events."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN order_events."order_id" IS 'The order.';
COMMENT ON COLUMN order_events."number" IS 'Number of the report among the order''s, from 1.';
COMMENT ON COLUMN order_events."state" IS 'The order''s state.';
COMMENT ON COLUMN order_events."reason" IS 'Why it is in that state.';
COMMENT ON COLUMN order_events."side" IS '`buy` or `sell`.';
COMMENT ON COLUMN order_events."quantity" IS 'Quantity of the order.';
COMMENT ON COLUMN order_events."filled" IS 'Filled so far.';
COMMENT ON COLUMN order_events."filled_value" IS 'Value of what was filled so far.';
COMMENT ON COLUMN order_events."cause_seq" IS 'The input in whose step the venue made the report.';
COMMENT ON COLUMN order_events."venue_ns" IS 'When the report was to reach the sequencer, in nanoseconds since the Unix epoch.';

CREATE TABLE fills (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "order_id" bigint NOT NULL,
    "number" bigint NOT NULL,
    "maker_order_id" bigint,
    "side" text NOT NULL,
    "quantity" bigint NOT NULL,
    "price" numeric(18,4) NOT NULL,
    "value" numeric(20,4) NOT NULL,
    "last" numeric(18,4) NOT NULL,
    "flags" smallint NOT NULL,
    "brokerage" numeric(20,4) NOT NULL,
    "stt" numeric(20,4) NOT NULL,
    "exchange_fee" numeric(20,4) NOT NULL,
    "sebi_fee" numeric(20,4) NOT NULL,
    "stamp_duty" numeric(20,4) NOT NULL,
    "gst" numeric(20,4) NOT NULL,
    "charges" numeric(20,4) NOT NULL,
    "rates_from" date,
    "rates_stand_in" boolean NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE fills IS 'A fill of an order, with what it was charged.';
COMMENT ON COLUMN fills."journal" IS 'The journal.';
COMMENT ON COLUMN fills."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN fills."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN fills."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN fills."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN fills."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN fills."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN fills."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN fills."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN fills."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN fills."order_id" IS 'The order.';
COMMENT ON COLUMN fills."number" IS 'Number of the fill among the order''s, from 1.';
COMMENT ON COLUMN fills."maker_order_id" IS 'The own order it traded with; nothing if that was the market.';
COMMENT ON COLUMN fills."side" IS '`buy` or `sell`.';
COMMENT ON COLUMN fills."quantity" IS 'Quantity.';
COMMENT ON COLUMN fills."price" IS 'Price.';
COMMENT ON COLUMN fills."value" IS 'Price times quantity times the instrument''s multiplier.';
COMMENT ON COLUMN fills."last" IS 'The market''s last price at that moment.';
COMMENT ON COLUMN fills."flags" IS '`FILL_*` flags: 1 no volume in the feed, 2 was resting, 4 slippage, 8 displayed depth.';
COMMENT ON COLUMN fills."brokerage" IS 'The broker''s part, as far as this fill added to it.';
COMMENT ON COLUMN fills."stt" IS 'Securities transaction tax, as far as this fill added to it.';
COMMENT ON COLUMN fills."exchange_fee" IS 'The exchange''s transaction charge, as far as this fill added to it.';
COMMENT ON COLUMN fills."sebi_fee" IS 'The regulator''s fee, as far as this fill added to it.';
COMMENT ON COLUMN fills."stamp_duty" IS 'Stamp duty, as far as this fill added to it.';
COMMENT ON COLUMN fills."gst" IS 'Goods and services tax, as far as this fill added to it.';
COMMENT ON COLUMN fills."charges" IS 'The sum of the parts.';
COMMENT ON COLUMN fills."rates_from" IS 'From when the rates used are; nothing if nothing is charged for the instrument.';
COMMENT ON COLUMN fills."rates_stand_in" IS 'Whether that is after the trading date, because older rates are not known.';

CREATE TABLE positions (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "instrument_id" integer NOT NULL,
    "symbol" text NOT NULL,
    "strategy" text NOT NULL,
    "cause" text NOT NULL,
    "quantity" bigint NOT NULL,
    "bought" numeric(20,4) NOT NULL,
    "sold" numeric(20,4) NOT NULL,
    "realised" numeric(20,4) NOT NULL,
    "charges" numeric(20,4) NOT NULL,
    "mark" numeric(18,4) NOT NULL,
    "gross" numeric(20,4) NOT NULL,
    "net" numeric(20,4) NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE positions IS 'A strategy''s position in an instrument after a fill, and at the session''s end.';
COMMENT ON COLUMN positions."journal" IS 'The journal.';
COMMENT ON COLUMN positions."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN positions."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN positions."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN positions."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN positions."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN positions."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN positions."instrument_id" IS 'Its place in the session''s instrument table.';
COMMENT ON COLUMN positions."symbol" IS 'Its symbol, such as `NSE:RELIANCE`.';
COMMENT ON COLUMN positions."strategy" IS 'The strategy''s name; `risk` for orders of the risk stage itself.';
COMMENT ON COLUMN positions."cause" IS '`fill` or `session_end`.';
COMMENT ON COLUMN positions."quantity" IS 'What is held, in exchange units; negative when short.';
COMMENT ON COLUMN positions."bought" IS 'Value of everything bought since the start of the journal.';
COMMENT ON COLUMN positions."sold" IS 'Value of everything sold.';
COMMENT ON COLUMN positions."realised" IS 'Profit of completed round trips: sold less bought when the quantity was last zero.';
COMMENT ON COLUMN positions."charges" IS 'What its fills were charged.';
COMMENT ON COLUMN positions."mark" IS 'The price it is valued at: the last one seen.';
COMMENT ON COLUMN positions."gross" IS 'Profit at the mark, before charges: sold less bought and the value of what is held.';
COMMENT ON COLUMN positions."net" IS 'The same less the charges.';

CREATE TABLE equity (
    "journal" uuid NOT NULL,
    "session" integer NOT NULL,
    "trading_date" date NOT NULL,
    "seq" bigint NOT NULL,
    "idx" integer NOT NULL,
    "ts" timestamptz NOT NULL,
    "ts_ns" bigint NOT NULL,
    "state" text NOT NULL,
    "as_of" timestamptz NOT NULL,
    "capital" numeric(20,4) NOT NULL,
    "realised" numeric(20,4) NOT NULL,
    "unrealised" numeric(20,4) NOT NULL,
    "charges" numeric(20,4) NOT NULL,
    "net" numeric(20,4) NOT NULL,
    "equity" numeric(20,4) NOT NULL,
    "peak" numeric(20,4) NOT NULL,
    "drawdown" numeric(20,4) NOT NULL,
    "open_positions" integer NOT NULL,
    PRIMARY KEY (journal, seq, idx, trading_date)
) PARTITION BY RANGE (trading_date);
COMMENT ON TABLE equity IS 'The account at the end of a minute.';
COMMENT ON COLUMN equity."journal" IS 'The journal.';
COMMENT ON COLUMN equity."session" IS 'Number of the session in its journal, from 1; 0 before the first.';
COMMENT ON COLUMN equity."trading_date" IS 'Trading date of the session, in India.';
COMMENT ON COLUMN equity."seq" IS 'Place in the one order of inputs of the input that is, or caused, what the row tells.';
COMMENT ON COLUMN equity."idx" IS 'What tells the row from others of its step: the number of the output, -1 for the input itself, below that at its end.';
COMMENT ON COLUMN equity."ts" IS 'The sequencer''s time of that input, in microseconds.';
COMMENT ON COLUMN equity."ts_ns" IS 'The same in nanoseconds since the Unix epoch, UTC.';
COMMENT ON COLUMN equity."state" IS '`open` before the session''s end, `end` at it.';
COMMENT ON COLUMN equity."as_of" IS 'The end of the minute, or of the session.';
COMMENT ON COLUMN equity."capital" IS 'Trading capital as configured.';
COMMENT ON COLUMN equity."realised" IS 'Profit of completed round trips, by instrument, before charges.';
COMMENT ON COLUMN equity."unrealised" IS 'What the open positions would add at their marks.';
COMMENT ON COLUMN equity."charges" IS 'What all fills were charged.';
COMMENT ON COLUMN equity."net" IS 'Realised and unrealised less charges.';
COMMENT ON COLUMN equity."equity" IS 'Capital and net.';
COMMENT ON COLUMN equity."peak" IS 'The highest equity of the session''s rows so far.';
COMMENT ON COLUMN equity."drawdown" IS 'How far the equity is below that.';
COMMENT ON COLUMN equity."open_positions" IS 'Instruments that are held.';

