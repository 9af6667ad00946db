"""Attribution methods by name, most of them through Captum."""
