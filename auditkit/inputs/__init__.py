"""What is audited: models, predictions, data."""
