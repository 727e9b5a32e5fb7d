"""What every page of ours is made of: one file each, no other host, no build step."""
