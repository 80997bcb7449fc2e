"""The functional core of the notifier: which events a webhook gets, and what becomes of a delivery."""
