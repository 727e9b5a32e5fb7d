"""What the audits share: the days they look at, and how they say what they found."""
