"""Parts of their own, as a user would write them: named in `plugins`, they need no edit of the project."""
