"""Tables, figures and pages rebuilt from MLflow runs alone."""
