"""Steps of collection, denied contacts, complaints."""
