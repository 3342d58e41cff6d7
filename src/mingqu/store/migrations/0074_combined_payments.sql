-- One payment by hand for loans of several lenders: which orders are its parts, in which turn, and whose account at the
-- channel each part goes to. A part is an order like any other; what is said of it is said of it alone.
CREATE TABLE combined_payment (
    cell        smallint NOT NULL,
    order_id    uuid     NOT NULL,
    combined_id uuid     NOT NULL,
    place       smallint NOT NULL CHECK (place BETWEEN 1 AND 10),
    receiver    text     NOT NULL COLLATE "C",
    PRIMARY KEY (cell, order_id),
    UNIQUE (cell, combined_id, place),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id)
);
