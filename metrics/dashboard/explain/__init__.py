"""What the page Explain and the chosen round trip show of a run's explanations."""
