"""Who is who: organisations and their units, accounts, tenants, users and service accounts, their tokens."""
