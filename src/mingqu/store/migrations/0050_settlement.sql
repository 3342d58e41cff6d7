-- What a channel settled: money that lay in collection clearing is the lender's cash once a bill bears it out.
-- Orders of one lender, source and day in one cell, some at a time; each order is settled once.
CREATE TABLE settlement (
    cell          smallint    NOT NULL,
    settlement_id uuid        NOT NULL,
    source        text        NOT NULL COLLATE "C",
    on_date       date        NOT NULL,
    lender_id     uuid        NOT NULL,
    currency      text        NOT NULL COLLATE "C",
    -- Above zero what came in, below zero what went back; the fee is taken out of it.
    gross_fen     bigint      NOT NULL,
    fee_fen       bigint      NOT NULL CHECK (fee_fen >= 0),
    orders        integer     NOT NULL CHECK (orders > 0),
    posted_on     date        NOT NULL,
    PRIMARY KEY (cell, settlement_id)
);
CREATE INDEX settlement_posted ON settlement (cell, posted_on);

CREATE TABLE settled_order (
    cell          smallint NOT NULL,
    order_id      uuid     NOT NULL,
    settlement_id uuid     NOT NULL,
    amount_fen    bigint   NOT NULL CHECK (amount_fen <> 0),
    fee_fen       bigint   NOT NULL CHECK (fee_fen >= 0),
    PRIMARY KEY (cell, order_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id)
);
CREATE INDEX settled_order_settlement ON settled_order (cell, settlement_id);
