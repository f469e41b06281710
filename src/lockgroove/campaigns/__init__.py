"""Campaigns: what needs several flows. Each takes the rooms it works with and opens nothing itself."""
