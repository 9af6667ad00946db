"""What could an audit see? From sizes and rates alone: neither data nor a model is needed."""
