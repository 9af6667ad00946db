"""Readers: what is no table of people becomes rows and decisions, which an audit takes as it takes any."""
