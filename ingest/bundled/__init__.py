"""Deliveries that the project writes itself, in the layouts of the real exports."""
