"""What laws and standards ask, as dated data, and what a report holds of it. It supports, and does not establish,
compliance."""
