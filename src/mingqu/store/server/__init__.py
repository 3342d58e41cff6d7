"""The database itself: embedded server, connections, transactions, columns, migrations, leases, keys of requests."""
