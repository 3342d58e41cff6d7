"""WeChat Pay, APIv3: payments by hand in a browser or inside WeChat, refunds, bills and notices."""
