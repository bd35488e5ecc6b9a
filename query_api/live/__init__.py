"""What happens right now, pushed: one look at the store for each project that somebody watches, however many do."""
