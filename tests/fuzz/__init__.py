"""Mutations of what strangers can hand in: only declared errors come out, in bounded time and memory."""
