"""What the HTTP doors share: one site, its server, errors, headers, sessions, templates, assets, metrics, log."""
