"""Why does it decide so? The only folder that imports captum."""
